//! A PostgreSQL cluster's files, and one run of its server.
//!
//! A shell starts the server and waits for a word about how to end it; where the test's process
//! ends without one, however that happens, it ends the server and removes the files. PostgreSQL
//! refuses to run as root; then it runs as `nobody`.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::eventually;

/// The user and the group `nobody`.
const NOBODY: u32 = 65_534;

/// `$0` is the directory, the rest starts the server. `read` ends with the pipe.
const SCRIPT: &str = "\"$@\" & server=$!; read -r how; kill -\"${how:-INT}\" $server; \
                      wait $server; test \"$how\" || rm -rf \"$0\"";

const SETTINGS: [&str; 8] = [
    "listen_addresses=",
    "fsync=off",
    "max_connections=500",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_wal_size=4GB",
    "autovacuum=off",
    "log_statement=none",
];

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ends every session and writes a last checkpoint.
    Fast,
    /// Ends at once; the next start recovers.
    Immediate,
    /// The postmaster dies by SIGKILL, and its children when they notice.
    Killed,
}

/// One run of a server. Dropping it ends the server and removes its files.
pub struct Run(Child);

/// Makes a cluster in a directory of its own, with the superuser `admin`.
pub fn cluster(programs: &Path) -> io::Result<PathBuf> {
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
    let made = unprivileged(&programs.join("initdb"))
        .arg("--pgdata")
        .arg(directory.join("data"))
        .args(["--username=admin", "--auth=scram-sha-256"])
        .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
        .arg("--pwfile")
        .arg(&password)
        .current_dir(&directory)
        .output()?;
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
    Ok(directory)
}

/// Writes a file that only the server can read, as it demands of keys.
pub fn place(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    if rustix::process::getuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

impl Run {
    /// Starts the server of a cluster. It does not answer yet.
    pub fn start(programs: &Path, directory: &Path, settings: &[String]) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(directory.join("log"))
            .expect("the log");
        let both = log.try_clone().expect("a second handle");
        let shell = unprivileged(Path::new("sh"))
            .args(["-c", SCRIPT])
            .arg(directory)
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(directory.join("data"))
            .arg("-k")
            .arg(directory)
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            // Of two, the later one counts.
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .current_dir(directory)
            // A signal to the tests' group is not for these: the end of the tests is.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(both)
            .stderr(log)
            .spawn();
        Self(shell.expect("sh starts"))
    }

    /// Ends it, and returns when nothing of it is left.
    pub fn end(mut self, how: Stop, directory: &Path) {
        let segment = segment(directory);
        let word = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
            Stop::Killed => "KILL",
        };
        let mut pipe = self.0.stdin.take().expect("standard input is piped");
        writeln!(pipe, "{word}").expect("the shell reads");
        drop(pipe);
        let _ = self.0.wait();
        eventually("the server's last process is gone", || {
            let segments = fs::read_to_string("/proc/sysvipc/shm").ok()?;
            let line = |line: &&str| line.split_whitespace().nth(1) == segment.as_deref();
            let attached = |line: &str| line.split_whitespace().nth(6) != Some("0");
            let alive = segments.lines().find(line).is_some_and(attached);
            (!alive).then_some(())
        });
    }
}

/// The shared memory to which every process of a server is attached, by its system-wide id. A
/// server does not start while anybody is attached to its predecessor's.
fn segment(directory: &Path) -> Option<String> {
    let lines = fs::read_to_string(directory.join("data/postmaster.pid")).ok()?;
    let key_and_id = lines.lines().nth(6)?;
    Some(key_and_id.split_whitespace().nth(1)?.to_owned())
}

fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
