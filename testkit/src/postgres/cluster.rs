//! The files of a PostgreSQL server, and one run of the server on them.
//!
//! A shell starts the server and reads one word that says how to end it. If the process that started
//! it ends without sending a word, the shell reads the end of the pipe; then it ends the server and
//! removes the files.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{NOBODY, Programs, unprivileged};
use crate::wait::{DEADLINE, until};

/// `$0` is the directory, the other arguments start the server. `read` returns when the pipe closes.
const SCRIPT: &str = "\"$@\" & server=$!; read -r how; kill -\"${how:-INT}\" $server; \
                      wait $server; test \"$how\" || rm -rf \"$0\"";

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ends every session and writes a last checkpoint.
    Fast,
    /// Ends at once. The next start recovers.
    Immediate,
    /// Kills the main process. Its children end when they notice.
    Killed,
}

/// The files of a server, in a directory of their own.
pub(super) struct Cluster {
    /// Holds the data, the log and the socket.
    pub directory: PathBuf,
}

impl Cluster {
    /// Makes the files, with the superuser `admin`.
    pub fn new(programs: &Programs) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("task-host-pg").tempdir()?;
        let password = directory.path().join("password");
        fs::write(&password, "secret")?;
        give_away(&password)?;
        give_away(directory.path())?;
        let made = unprivileged(programs.path("initdb"))
            .arg("--pgdata")
            .arg(directory.path().join("data"))
            .args(["--username=admin", "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pwfile")
            .arg(&password)
            .current_dir(directory.path())
            .output()
            .context("cannot start initdb")?;
        let errors = String::from_utf8_lossy(&made.stderr);
        ensure!(made.status.success(), "initdb failed: {errors}");
        Ok(Self {
            directory: directory.keep(),
        })
    }

    /// Writes a file into the data directory that only the server can read, which it requires of keys.
    pub fn place(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join("data").join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        give_away(&path)?;
        Ok(())
    }

    /// Returns the system-wide id of the shared memory to which every process of the running server is
    /// attached. A server does not start while a process is attached to its predecessor's.
    fn segment(&self) -> Option<String> {
        let lines = fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        let key_and_id = lines.lines().nth(6)?;
        Some(key_and_id.split_whitespace().nth(1)?.to_owned())
    }
}

/// One run of a server. Dropping it ends the server and removes its files.
pub(super) struct Run(Child);

impl Run {
    /// Starts the server. It does not answer yet.
    pub fn start(programs: &Programs, cluster: &Cluster, settings: &[String]) -> Result<Self> {
        let directory = &cluster.directory;
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(directory.join("log"))?;
        let shell = unprivileged("sh".into())
            .args(["-c", SCRIPT])
            .arg(directory)
            .arg(programs.path("postgres"))
            .arg("-D")
            .arg(directory.join("data"))
            .arg("-k")
            .arg(directory)
            // If a setting is given twice, the later one counts.
            .args(["-c", "listen_addresses="])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .current_dir(directory)
            // A signal to the process group of the caller must not end the server.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start sh")?;
        Ok(Self(shell))
    }

    /// Ends the server, and returns when its last process is gone.
    pub fn end(mut self, how: Stop, cluster: &Cluster) -> Result<()> {
        let segment = cluster.segment();
        let word = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
            Stop::Killed => "KILL",
        };
        let mut pipe = self.0.stdin.take().context("standard input is piped")?;
        writeln!(pipe, "{word}")?;
        drop(pipe);
        let _ = self.0.wait();
        let gone = until(DEADLINE, || {
            let segments = fs::read_to_string("/proc/sysvipc/shm").ok()?;
            let line = |line: &&str| line.split_whitespace().nth(1) == segment.as_deref();
            let attached = |line: &str| line.split_whitespace().nth(6) != Some("0");
            let alive = segments.lines().find(line).is_some_and(attached);
            (!alive).then_some(())
        });
        gone.context("a process of PostgreSQL does not end")
    }
}

/// Gives a file to the user that the server runs as.
fn give_away(path: &Path) -> io::Result<()> {
    match rustix::process::getuid().is_root() {
        true => chown(path, Some(NOBODY), Some(NOBODY)),
        false => Ok(()),
    }
}
