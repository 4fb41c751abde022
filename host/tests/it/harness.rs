//! [`testkit`] with this package's binary, the built components and panics instead of errors.
//!
//! A [`Setup`] owns a directory with the database, a [`Host`] is one process on it: starting a setup
//! twice is a restart. Every process is killed when its `Host` is dropped, and its last log lines are
//! printed if the test failed. What a test cannot wait for as an event it polls for, with a deadline,
//! in [`eventually`] only.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub use testkit::http_server as server;
pub use testkit::{DEADLINE, Finished as Refused, Host, Log, eventually};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_task-host");

/// How a host is started.
#[derive(Clone)]
pub struct Setup(testkit::Settings);

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
        // Shared by all tests: compiling a component once for all of them keeps the suite fast.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("code-cache");
        let settings = testkit::Settings::new(BINARY).expect("a temporary directory");
        let settings = settings.component(component).cache(cache);
        Self(match database() {
            Some(url) => settings.database(url),
            None => settings,
        })
    }

    /// Adds a flag with its value.
    pub fn flag(self, name: &str, value: impl Into<String>) -> Self {
        Self(self.0.flag(name, value))
    }

    /// Sets an environment variable of the process.
    pub fn variable(self, name: &str, value: impl Into<String>) -> Self {
        Self(self.0.variable(name, value))
    }

    /// Keeps compiled code apart from the other tests'.
    pub fn own_cache(self) -> Self {
        let directory = self.directory().join("code-cache");
        Self(self.0.cache(directory))
    }

    /// Keeps compiled code in that directory.
    pub fn cache(self, directory: &Path) -> Self {
        Self(self.0.cache(directory))
    }

    /// Keeps compiled code where another setup keeps it.
    pub fn own_cache_of(self, other: &Self) -> Self {
        Self(self.0.cache_of(&other.0))
    }

    /// Names another database than its own.
    pub fn database(self, url: &str) -> Self {
        Self(self.0.database(url))
    }

    /// Keeps another directory as long as this setup lives, because its component is in there.
    pub fn keep(self, directory: TempDir) -> Self {
        Self(self.0.keep(directory))
    }

    /// Names another component.
    pub fn of(self, component: PathBuf) -> Self {
        Self(self.0.component(component))
    }

    /// Names no component.
    pub fn without_component(self) -> Self {
        Self(self.0.without_component())
    }

    /// The component's file.
    #[track_caller]
    pub fn component_path(&self) -> &Path {
        self.0.component_file().expect("a component")
    }

    /// A directory that lives as long as this setup and its hosts.
    pub fn directory(&self) -> &Path {
        self.0.directory()
    }

    /// The command that starts a host.
    pub fn command(&self) -> Command {
        self.0.command()
    }

    /// Starts a host and waits until it serves.
    #[track_caller]
    pub fn start(&self) -> Host {
        Host::start(&self.0).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Starts a host that must not come up, and returns how it ended.
    #[track_caller]
    pub fn refused(&self) -> Refused {
        run(self.0.command())
    }
}

/// An empty database on the tests' PostgreSQL server if `TASK_HOST_TEST_ENGINE` asks for it. `None`
/// for a SQLite file of the host's own.
fn database() -> Option<String> {
    match std::env::var("TASK_HOST_TEST_ENGINE").as_deref() {
        Ok("postgres") => {
            let server = crate::postgres::server().expect("it was asked for");
            Some(server.url(&server.database()))
        }
        Ok(other) if other != "sqlite" => panic!("TASK_HOST_TEST_ENGINE={other} is no engine"),
        _ => None,
    }
}

/// The binary without the variables that a developer's shell may hold.
pub fn task_host() -> Command {
    let mut command = Command::new(BINARY);
    testkit::without_settings(&mut command).stdin(Stdio::null());
    command
}

/// Runs a command that ends without being stopped.
#[track_caller]
pub fn run(command: Command) -> Refused {
    testkit::finish(command).unwrap_or_else(|error| panic!("{error:#}"))
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

/// One member of each object in a JSON array, for short assertions.
pub fn column(rows: &Value, member: &str) -> Vec<Value> {
    rows.as_array()
        .unwrap_or_else(|| panic!("no array: {rows}"))
        .iter()
        .map(|row| row[member].clone())
        .collect()
}
