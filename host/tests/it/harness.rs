//! Starts, stops and watches hosts.
//!
//! A [`Setup`] owns a directory with the database, a [`Host`] is one process on it: starting a
//! setup twice is a restart. Every process is killed when its `Host` is dropped, and shows its
//! last log lines when the test failed. What a test cannot wait for as an event it polls for,
//! with a deadline, in [`eventually`] only.

mod process;
pub mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub use self::process::{Host, Log};

/// How long anything that must happen may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How a host is to be started.
#[derive(Clone)]
pub struct Setup {
    directory: Arc<TempDir>,
    /// Read when a host starts, so no host has to hold it.
    kept: Option<Arc<TempDir>>,
    /// None: the host gets none.
    component: Option<PathBuf>,
    database: String,
    cache: PathBuf,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// The task component on a database of its own.
    pub fn tasks() -> Self {
        Self::component(built("tasks.wasm"))
    }

    /// The counter component on a database of its own.
    pub fn counter() -> Self {
        Self::component(built("counter.wasm"))
    }

    /// Any component on a database of its own.
    pub fn component(component: PathBuf) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let database = database_in(directory.path());
        Self {
            directory,
            kept: None,
            component: Some(component),
            database,
            // Shared by all tests: compiling once a run keeps the suite quick.
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("code-cache"),
            flags: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Adds a flag with its value.
    pub fn flag(mut self, name: &str, value: impl Into<String>) -> Self {
        self.flags.extend([name.to_owned(), value.into()]);
        self
    }

    /// Sets a variable of the process' environment.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Keeps compiled code apart from the other tests'.
    pub fn own_cache(mut self) -> Self {
        self.cache = self.directory.path().join("code-cache");
        self
    }

    /// Keeps compiled code in that directory.
    pub fn cache(mut self, directory: &Path) -> Self {
        self.cache = directory.to_owned();
        self
    }

    /// Keeps compiled code where another setup keeps it.
    pub fn own_cache_of(mut self, other: &Self) -> Self {
        self.cache.clone_from(&other.cache);
        self
    }

    /// Names another database than the one of its own.
    pub fn database(mut self, url: &str) -> Self {
        self.database = url.to_owned();
        self
    }

    /// Keeps another directory as long as this setup lives: its component lies in there.
    pub fn keep(mut self, directory: TempDir) -> Self {
        self.kept = Some(Arc::new(directory));
        self
    }

    /// Names another component.
    pub fn of(mut self, component: PathBuf) -> Self {
        self.component = Some(component);
        self
    }

    /// Names no component.
    pub fn without_component(mut self) -> Self {
        self.component = None;
        self
    }

    /// The component's file.
    #[track_caller]
    pub fn component_path(&self) -> &Path {
        self.component.as_deref().expect("a component")
    }

    /// A directory that lives as long as this setup and its hosts.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts a host and waits until it serves.
    pub fn start(&self) -> Host {
        Host::spawn(self.command(), self.directory.clone())
    }

    /// Starts a host that must not come up, and returns how it ended.
    #[track_caller]
    pub fn refused(&self) -> Refused {
        run(self.command())
    }

    fn command(&self) -> Command {
        let mut command = task_host();
        command
            .args(["serve", "--addr", "127.0.0.1:0"])
            .args(["--admin-addr", "127.0.0.1:0", "--log-format", "json"])
            .args(["--database", &self.database])
            .args(
                self.component
                    .iter()
                    .flat_map(|path| ["--component".as_ref(), path.as_os_str()]),
            )
            .arg("--cache-dir")
            .arg(&self.cache)
            .args(&self.flags)
            .envs(self.environment.iter().cloned())
            .current_dir(self.directory.path());
        command
    }
}

/// An empty database: a file in the directory, or one on the tests' PostgreSQL server where
/// `TASK_HOST_TEST_ENGINE` asks for that.
fn database_in(directory: &Path) -> String {
    match std::env::var("TASK_HOST_TEST_ENGINE").as_deref() {
        Ok("postgres") => {
            let server = crate::postgres::server().expect("it was asked for");
            server.url(&server.database())
        }
        Ok(other) if other != "sqlite" => panic!("TASK_HOST_TEST_ENGINE={other} is no engine"),
        _ => format!("sqlite:{}", directory.join("data.sqlite").display()),
    }
}

/// How a process ended that was not to stay.
#[derive(Debug)]
pub struct Refused {
    /// None where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Refused {
    /// Asserts the exit status and every word of what it said.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        let text = self.stderr.to_lowercase();
        for word in words {
            assert!(
                text.contains(&word.to_lowercase()),
                "{word:?} is not in {self:#?}"
            );
        }
        assert!(!text.contains("panicked"), "{self:#?}");
    }
}

/// The binary without the variables that a developer's shell may hold.
pub fn task_host() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_task-host"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TASK_HOST_")
            || name == "RUST_LOG"
            || name == "RUST_BACKTRACE"
        {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end, which has to come by itself.
#[track_caller]
pub fn run(mut command: Command) -> Refused {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let pid = process::pid_of(&child);
    let guard = thread::spawn(move || child.wait_with_output());
    let deadline = Instant::now() + DEADLINE;
    while !guard.is_finished() {
        if Instant::now() > deadline {
            process::signal(pid, rustix::process::Signal::KILL);
            break;
        }
        pause();
    }
    let Output {
        status,
        stdout,
        stderr,
    } = guard.join().expect("the reader ends").expect("its output");
    Refused {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Asks again and again until there is an answer, and fails after [`DEADLINE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        pause();
    }
}

/// A component that `cargo xtask test` has built.
pub fn built(name: &str) -> PathBuf {
    let directory = std::env::var_os("TASK_HOST_TEST_COMPONENTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components"),
        PathBuf::from,
    );
    let path = directory.join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask test`",
        path.display()
    );
    path
}

/// The strings in a JSON array of objects, by one member: for short assertions.
pub fn column(rows: &Value, member: &str) -> Vec<Value> {
    rows.as_array()
        .unwrap_or_else(|| panic!("no array: {rows}"))
        .iter()
        .map(|row| row[member].clone())
        .collect()
}

/// The breath between two looks in [`eventually`] and [`run`]; no test waits on its own.
fn pause() {
    thread::park_timeout(Duration::from_millis(3));
}
