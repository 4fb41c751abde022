//! A PostgreSQL server of the tests' own, and a database on it for each test.
//!
//! The server starts with the first test that asks for it and ends with the process, however that
//! ends: a shell holds the other end of a pipe. It listens on a socket in a directory of its own,
//! so no port is taken and no other server is met. PostgreSQL refuses to run as root; then it runs
//! as `nobody`. Nothing survives it, so it never syncs.
//!
//! Where PostgreSQL is missing, the tests that need it say so and pass, except in CI.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::eventually;

/// The user and the group `nobody`.
const NOBODY: u32 = 65_534;
/// What the tests run.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "psql"];
/// The oldest release that the host speaks to.
const OLDEST: u32 = 15;

/// The server, as long as this process lives.
pub struct Server {
    programs: PathBuf,
    directory: PathBuf,
    databases: AtomicU32,
    /// Closed by the end of the process, which ends the server.
    _alive: ChildStdin,
}

/// The server; none where PostgreSQL is missing and may be.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let programs = programs();
        if programs.is_none() {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
            let message = "PostgreSQL 15 or newer is missing (Debian: apt install postgresql)";
            assert!(!ci, "{message}, and in CI nothing is left out");
            eprintln!("LEFT OUT: {message}; tests on it pass without having run");
        }
        programs.map(|programs| Server::start(programs).expect("the server starts"))
    });
    server.as_ref()
}

/// A server that shares nothing with the tests' but the programs; none as in [`server`].
pub fn another() -> Option<Server> {
    server()?;
    programs().map(|programs| Server::start(programs).expect("another server starts"))
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
    fn start(programs: PathBuf) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("task-host-pg")
            .tempdir()?
            .keep();
        let password = directory.join("password");
        fs::write(&password, "secret")?;
        if rustix::process::getuid().is_root() {
            chown(&password, Some(NOBODY), Some(NOBODY))?;
            chown(&directory, Some(NOBODY), Some(NOBODY))?;
        }
        let data = directory.join("data");
        let made = unprivileged(&programs.join("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .args([
                "--username=admin",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
            ])
            .args(["--locale=C", "--no-sync"])
            .arg("--pwfile")
            .arg(&password)
            .current_dir(&directory)
            .output()?;
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let log = fs::File::create(directory.join("log"))?;
        // `cat` ends when the pipe is closed.
        let script = "\"$@\" & server=$!; cat; kill -INT $server; wait $server; rm -rf \"$0\"";
        let mut watch = unprivileged(Path::new("sh"))
            .args(["-c", script])
            .arg(&directory)
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&directory)
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=500",
            ])
            .args(["-c", "full_page_writes=off", "-c", "shared_buffers=64MB"])
            .args([
                "-c",
                "max_wal_size=4GB",
                "-c",
                "autovacuum=off",
                "-c",
                "log_statement=none",
            ])
            .current_dir(&directory)
            // A signal to the tests' group is not for these: the end of the tests is.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let server = Self {
            programs,
            directory,
            databases: AtomicU32::new(0),
            _alive: watch.stdin.take().expect("standard input is piped"),
        };
        eventually("PostgreSQL answers", || {
            let asked = server.psql("postgres", "SELECT 1").output().ok()?;
            asked.status.success().then_some(())
        });
        server.run(
            "postgres",
            "CREATE ROLE host LOGIN PASSWORD 'secret' CREATEROLE",
        );
        Ok(server)
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

    /// One of PostgreSQL's programs, which talks to this server as its administrator.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .arg("--username=admin")
            .arg("--host")
            .arg(&self.directory)
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

fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
