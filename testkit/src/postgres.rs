//! A PostgreSQL server with its own data, and databases on it.
//!
//! The server listens on a socket in a directory of its own, so it takes no port and never meets
//! another server; only an encrypted one has a port, because sockets are not encrypted. It ends with
//! the process that started it, however that process ends, and its data goes with it.
//!
//! The superuser is `admin`. Hosts log in as `host`, who owns the databases and may create roles. The
//! password of both is `secret`.

mod cluster;
mod programs;
mod testing;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

pub use self::cluster::Stop;
use self::cluster::{Cluster, Run};
pub use self::programs::{MISSING, Programs};
pub use self::testing::{encrypted_server, own_server, server};
use crate::wait::until;

/// Number in the socket's name. No port is taken.
const PORT: u16 = 5432;
/// Limit for a start, a recovery included.
const START: Duration = Duration::from_secs(30);

/// A running server. Dropping it ends the server and removes its data.
pub struct Server {
    programs: Programs,
    cluster: Cluster,
    port: u16,
    settings: Vec<String>,
    /// Databases that [`Server::database`] has made.
    databases: AtomicU32,
    /// `None` while the server does not run.
    run: Mutex<Option<Run>>,
}

impl Server {
    /// Makes a server and starts it. The `settings` are `NAME=VALUE` as in `postgresql.conf`;
    /// PostgreSQL's defaults hold for all others.
    ///
    /// # Errors
    /// If PostgreSQL is missing, or does not start.
    pub fn start(settings: &[&str]) -> Result<Self> {
        let programs = Programs::find().context(MISSING)?;
        let cluster = Cluster::new(&programs)?;
        let settings = settings.iter().map(|setting| (*setting).to_owned());
        Self::on(programs, cluster, PORT, settings.collect())
    }

    fn on(programs: Programs, cluster: Cluster, port: u16, settings: Vec<String>) -> Result<Self> {
        let server = Self {
            programs,
            cluster,
            port,
            settings,
            databases: AtomicU32::new(0),
            run: Mutex::default(),
        };
        server.try_resume()?;
        server.query(
            "postgres",
            "CREATE ROLE host LOGIN PASSWORD 'secret' CREATEROLE",
        )?;
        Ok(server)
    }

    /// Ends the server until [`Server::try_resume`]. Does nothing if it does not run.
    ///
    /// # Errors
    /// If one of its processes does not end.
    pub fn try_halt(&self, how: Stop) -> Result<()> {
        match self.lock().take() {
            Some(run) => run.end(how, &self.cluster),
            None => Ok(()),
        }
    }

    /// Starts the server if it does not run, and waits until it answers.
    ///
    /// # Errors
    /// If it cannot be started, or does not answer.
    pub fn try_resume(&self) -> Result<()> {
        let mut run = self.lock();
        if run.is_none() {
            *run = Some(Run::start(&self.programs, &self.cluster, &self.settings)?);
        }
        drop(run);
        let answers = || self.query("postgres", "SELECT 1").ok();
        until(START, answers).context("PostgreSQL does not answer")?;
        Ok(())
    }

    /// Runs statements as the superuser and returns what they print: a row a line, without headers.
    ///
    /// # Errors
    /// If a statement fails. The text has the statements and the server's message.
    pub fn query(&self, database: &str, statements: &str) -> Result<String> {
        let output = self.psql(database, statements).output();
        let output = output.context("cannot start psql")?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{statements}: {}", errors.trim_end());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.trim_end().to_owned())
    }

    /// Runs statements as the superuser, and keeps their session open until the value is dropped.
    ///
    /// # Errors
    /// If psql cannot be started.
    pub fn try_hold(&self, database: &str, statements: &str) -> Result<Session> {
        let mut psql = self.psql(database, "");
        let mut child = psql
            .args(["--file", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start psql")?;
        let input = child.stdin.as_mut().context("standard input is piped")?;
        writeln!(input, "{statements}")?;
        Ok(Session(child))
    }

    /// Returns the directory of the socket.
    pub fn directory(&self) -> &Path {
        &self.cluster.directory
    }

    /// Returns the URL by which a host reaches a database.
    pub fn url(&self, database: &str) -> String {
        self.url_as("host", "secret", database)
    }

    /// Returns the URL by which another user reaches a database.
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        url(user, password, self.directory(), database)
    }

    /// Returns the URL by which a host reaches a database through a socket in another directory.
    pub fn url_at(&self, directory: &Path, database: &str) -> String {
        url("host", "secret", directory, database)
    }

    /// Returns the URL by which a host reaches a database of an [`encrypted_server`], which is
    /// `localhost` or its address.
    pub fn url_by_port(&self, host: &str, database: &str, query: &str) -> String {
        let port = self.port;
        format!("postgres://host:secret@{host}:{port}/{database}?{query}")
    }

    /// Returns a command that runs one of PostgreSQL's programs against this server, as the superuser.
    pub fn program(&self, name: &str) -> Command {
        let mut command = self.programs.command(name);
        command
            .arg("--username=admin")
            .arg("--host")
            .arg(self.directory())
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

    fn lock(&self) -> MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.try_halt(Stop::Immediate);
        let _ = fs::remove_dir_all(&self.cluster.directory);
    }
}

/// An open session. Dropping it closes the session.
pub struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        // psql ends at the end of its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn url(user: &str, password: &str, directory: &Path, database: &str) -> String {
    let socket = directory.display().to_string().replace('/', "%2F");
    format!("postgres://{user}:{password}@{socket}/{database}")
}

/// Starts `program` as a user that PostgreSQL accepts: it refuses to run as root.
fn unprivileged(program: PathBuf) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The user and the group `nobody`.
const NOBODY: u32 = 65_534;
