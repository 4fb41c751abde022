//! One host process under test: started on a free port, stopped by SIGTERM.
//!
//! It says where it listens in a log line with the field `server.address`, and for operators in
//! `admin.address`. A thread reads the
//! log into a file, so that the pipe never fills, and hands over the addresses; the end of the
//! log is the end of the process.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a host may take until it serves: a debug build compiles the component first.
const START: Duration = Duration::from_secs(60);
/// How long a host may take to drain and go.
const STOP: Duration = Duration::from_secs(60);

/// A running host. Dropping it kills the process.
pub struct Host {
    child: Child,
    addresses: Addresses,
    /// The addresses that the log names; closed when the process has ended.
    log: Receiver<Addresses>,
}

/// Where a host listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For clients of the API.
    pub api: SocketAddr,
    /// For operators.
    pub operators: SocketAddr,
}

impl Host {
    /// Starts `task-host serve` with a component and waits until it serves. Its log goes to a
    /// file, which is replaced.
    ///
    /// # Errors
    /// Where the process ends, or says nothing for a minute. It is gone then.
    pub fn start(binary: &Path, component: &Path, log: &Path) -> Result<Self> {
        let folder = log.parent().context("the log has no folder")?;
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(binary);
        command
            .args([
                "serve",
                "--addr",
                "127.0.0.1:0",
                "--admin-addr",
                "127.0.0.1:0",
            ])
            .args(["--database", "sqlite::memory:", "--log-format", "json"])
            .arg("--component")
            .arg(component)
            // What it writes beside its database stays out of the repository.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // A developer's own settings must not decide what is tested.
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"TASK_HOST_") {
                command.env_remove(name);
            }
        }
        Self::spawn(&mut command, file)
    }

    fn spawn(command: &mut Command, file: File) -> Result<Self> {
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (sender, log) = channel();
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || follow(stderr, file, &sender));
        }
        match log.recv_timeout(START) {
            Ok(addresses) => Ok(Self {
                child,
                addresses,
                log,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(match error {
                    RecvTimeoutError::Timeout => {
                        anyhow!("the host does not serve after {START:?}")
                    }
                    RecvTimeoutError::Disconnected => anyhow!("the host ended before it served"),
                })
            }
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Asks the host to drain and go, and waits for it.
    ///
    /// # Errors
    /// Where it takes too long (it is killed then), or does not exit with 0.
    pub fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("the host has no process id")?;
        // Not waited for yet, so the id is still this child's; already ended is told below.
        let _ = kill_process(pid, Signal::TERM);
        loop {
            match self.log.recv_timeout(STOP) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the host still runs {STOP:?} after SIGTERM")
                }
            }
        }
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the host did not end well after SIGTERM: {status}");
        }
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies the log into the file to its end, and sends the addresses it names.
fn follow(log: ChildStderr, mut file: File, addresses: &Sender<Addresses>) {
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        // A full disk must not stop the host: the pipe is read on.
        let _ = file.write_all(&line).and_then(|()| file.write_all(b"\n"));
        if let Some(found) = addresses_in(&line) {
            let _ = addresses.send(found);
        }
    }
}

/// The addresses in a log line, with their ports.
fn addresses_in(line: &[u8]) -> Option<Addresses> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
    Some(Addresses {
        api: address("server.address")?,
        operators: address("admin.address")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(script: &str) -> (tempfile::TempDir, Result<Host>) {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]).stderr(Stdio::piped());
        (folder, Host::spawn(&mut command, file))
    }

    #[test]
    fn the_addresses_are_read_from_the_line_that_tells_them() {
        let line = br#"{"server.address":"127.0.0.1:4711","admin.address":"127.0.0.1:4712"}"#;
        let addresses = addresses_in(line).unwrap();
        assert_eq!(addresses.api, ([127, 0, 0, 1], 4711).into());
        assert_eq!(addresses.operators, ([127, 0, 0, 1], 4712).into());
    }

    #[test]
    fn other_lines_tell_no_address() {
        assert_eq!(addresses_in(br#"{"message":"starting"}"#), None);
        assert_eq!(addresses_in(br#"{"server.address":"somewhere"}"#), None);
        assert_eq!(addresses_in(b"thread 'main' panicked"), None);
    }

    #[test]
    fn a_host_that_exits_with_zero_after_sigterm_ended_well() {
        let (folder, host) = host(
            r#"trap 'echo "drained" >&2; exit 0' TERM
               echo '{"server.address":"127.0.0.1:4711","admin.address":"127.0.0.1:4712"}' >&2
               while :; do sleep 0.01; done"#,
        );
        let host = host.unwrap();
        assert_eq!(host.addresses().api.port(), 4711);
        host.stop().unwrap();
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(log.ends_with("drained\n"), "{log}");
    }

    #[test]
    fn a_host_that_sigterm_kills_did_not_end_well() {
        let (_folder, host) = host(
            r#"echo '{"server.address":"127.0.0.1:4711","admin.address":"127.0.0.1:4712"}' >&2; exec sleep 600"#,
        );
        let error = host.unwrap().stop().unwrap_err();
        assert!(error.to_string().contains("signal: 15"), "{error}");
    }

    #[test]
    fn a_host_that_ends_at_once_is_not_waited_for() {
        let (folder, host) = host("echo 'no such file' >&2; exit 1");
        let error = host.err().unwrap();
        assert_eq!(error.to_string(), "the host ended before it served");
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log, "no such file\n");
    }
}
