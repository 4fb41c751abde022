//! A PostgreSQL server of the tests' own, and a database on it for each test.
//!
//! The server starts with the first test that asks for it and ends with the process, however that
//! ends ([`run::Run`]). It listens on a socket in a directory of its own, so no port is taken and no
//! other server is met; only what encrypts has a port, because sockets are not encrypted. Nothing
//! survives it, so it never syncs. A test that stops and crashes a server has one of its own.
//!
//! Where PostgreSQL is missing, the tests that need it say so and pass, except in CI.

mod run;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use self::run::Run;
pub use self::run::Stop;
use crate::harness::eventually;

/// What the tests run.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "psql"];
/// The oldest release that the host speaks to.
const OLDEST: u32 = 15;

/// What the socket is named after, which takes no port.
const PORT: u16 = 5432;

/// A server, until it is dropped.
pub struct Server {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    /// Beside those of every server.
    settings: Vec<String>,
    databases: AtomicU32,
    /// None while it does not run.
    run: Mutex<Option<Run>>,
}

/// The server that tests share, as long as this process lives; none where PostgreSQL is missing
/// and may be.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(own_server).as_ref()
}

/// A server that only this test meets; none where PostgreSQL is missing and may be.
pub fn own_server() -> Option<Server> {
    let programs = programs_or_left_out()?;
    let directory = run::cluster(&programs).expect("a cluster is made");
    Some(Server::start(programs, directory, PORT, Vec::new()))
}

/// A server that only this test meets, encrypted on a port of 127.0.0.1; none where PostgreSQL is
/// missing and may be. Certificate and key are PEM.
pub fn encrypted_server(certificate: &str, key: &str) -> Option<Server> {
    let programs = programs_or_left_out()?;
    let directory = run::cluster(&programs).expect("a cluster is made");
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        run::place(&directory.join("data").join(name), text).expect("the server's file");
    }
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a free port").port();
    let settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "ssl=on".to_owned(),
    ];
    Some(Server::start(programs, directory, port, settings))
}

fn programs_or_left_out() -> Option<PathBuf> {
    let programs = programs();
    if programs.is_none() {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        let message = "PostgreSQL 15 or newer is missing (Debian: apt install postgresql)";
        assert!(!ci, "{message}, and in CI nothing is left out");
        eprintln!("LEFT OUT: {message}; tests on it pass without having run");
    }
    programs
}

/// Where the programs are: in PATH, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.flatten().map(|entry| entry.path().join("bin"));
    std::env::split_paths(&path)
        .chain(debian)
        .filter(|directory| PROGRAMS.iter().all(|name| directory.join(name).is_file()))
        .find(|directory| version(directory).is_some_and(|version| version >= OLDEST))
}

/// `postgres (PostgreSQL) 15.14 (Debian …)`.
fn version(directory: &Path) -> Option<u32> {
    let output = Command::new(directory.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().nth(2)?;
    number.split('.').next()?.parse().ok()
}

impl Server {
    fn start(programs: PathBuf, directory: PathBuf, port: u16, settings: Vec<String>) -> Self {
        let server = Self {
            programs,
            directory,
            port,
            settings,
            databases: AtomicU32::new(0),
            run: Mutex::default(),
        };
        server.resume();
        server.run(
            "postgres",
            "CREATE ROLE host LOGIN PASSWORD 'secret' CREATEROLE",
        );
        server
    }

    /// Stops it in an orderly way, which ends every session, and starts it again.
    pub fn restart(&self) {
        self.halt(Stop::Fast);
        self.resume();
    }

    /// Kills all of it at once and starts it again: it recovers from its log.
    pub fn crash(&self) {
        self.halt(Stop::Killed);
        self.resume();
    }

    /// Ends it and leaves it ended.
    pub fn halt(&self, how: Stop) {
        if let Some(run) = self.running().take() {
            run.end(how, &self.directory);
        }
    }

    /// Starts it where it does not run, and waits until it answers.
    pub fn resume(&self) {
        self.running()
            .get_or_insert_with(|| Run::start(&self.programs, &self.directory, &self.settings));
        eventually("PostgreSQL answers", || {
            let asked = self.psql("postgres", "SELECT 1").output().ok()?;
            asked.status.success().then_some(())
        });
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an empty database of the host's and returns its name.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.run("postgres", &format!("CREATE DATABASE {name} OWNER host"));
        name
    }

    /// How the host reaches a database.
    pub fn url(&self, database: &str) -> String {
        self.url_as("host", "secret", database)
    }

    /// Where its socket lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// How the host reaches a database by a socket in another directory.
    pub fn url_at(&self, directory: &Path, database: &str) -> String {
        let socket = directory.display().to_string().replace('/', "%2F");
        format!("postgres://host:secret@{socket}/{database}")
    }

    /// How the host reaches a database of an [`encrypted_server`] at `localhost` or its address.
    pub fn url_by_port(&self, host: &str, database: &str, query: &str) -> String {
        let port = self.port;
        format!("postgres://host:secret@{host}:{port}/{database}?{query}")
    }

    /// How anybody else does.
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        let socket = self.directory.display().to_string().replace('/', "%2F");
        format!("postgres://{user}:{password}@{socket}/{database}")
    }

    /// Runs statements as the administrator and returns what they print.
    #[track_caller]
    pub fn run(&self, database: &str, statements: &str) -> String {
        let output = self.psql(database, statements).output().expect("psql runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {errors}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Runs statements as the administrator, and keeps their session until the answer is dropped.
    pub fn hold(&self, database: &str, statements: &str) -> Session {
        let mut psql = self.psql(database, "");
        let mut child = psql
            .args(["--file", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("psql runs");
        let input = child.stdin.as_mut().expect("standard input is piped");
        writeln!(input, "{statements}").expect("psql reads");
        Session(child)
    }

    /// One of PostgreSQL's programs, which talks to this server as its administrator.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .arg("--username=admin")
            .arg("--host")
            .arg(&self.directory)
            .arg(format!("--port={}", self.port))
            .env("PGPASSWORD", "secret")
            .stdin(Stdio::null());
        command
    }

    fn psql(&self, database: &str, statements: &str) -> Command {
        let mut command = self.program("psql");
        command
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--dbname", database])
            .args(["--command", statements]);
        command
    }
}

/// A session that is kept.
pub struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.halt(Stop::Immediate);
        let _ = fs::remove_dir_all(&self.directory);
    }
}
