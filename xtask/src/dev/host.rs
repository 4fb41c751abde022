//! The local host that changes are deployed to.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a host may take until it is ready: it compiles the component first.
const START: Duration = Duration::from_secs(60);
/// How often it is asked.
const EVERY: Duration = Duration::from_millis(100);

/// A running host. Dropping it has it drain and waits for it. Ctrl-C reaches it by itself, too: with
/// that it ends at once.
pub struct LocalHost {
    child: Child,
}

impl LocalHost {
    /// Starts `command` and waits until the host is ready, which `binary` asks at `to`.
    ///
    /// # Errors
    /// Where it cannot be started, ends, or is not ready in a minute. It is gone then.
    pub fn start(command: &mut Command, binary: &Path, to: &str) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut host = LocalHost { child };
        let deadline = Instant::now() + START;
        while !is_ready(binary, to)? {
            host.alive()?;
            if Instant::now() > deadline {
                bail!("the host is not ready after {START:?}");
            }
            thread::sleep(EVERY);
        }
        // Another host at the same address would have answered.
        host.alive()?;
        Ok(host)
    }

    /// Whether the process still runs.
    ///
    /// # Errors
    /// Where it has ended: its log says why.
    pub fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the host has ended ({status})"),
        }
    }
}

impl Drop for LocalHost {
    fn drop(&mut self) {
        if self.alive().is_err() {
            return;
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Not waited for yet, so the id is still this child's.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn is_ready(binary: &Path, to: &str) -> Result<bool> {
    let status = Command::new(binary)
        .args(["healthcheck", "--to", to])
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_host_that_ends_before_it_is_ready_is_not_waited_for() {
        let error = LocalHost::start(&mut shell("exit 3"), Path::new("false"), "")
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "the host has ended (exit status: 3)");
    }

    #[test]
    fn a_host_is_asked_to_go_and_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (ready, gone) = (folder.path().join("ready"), folder.path().join("gone"));
        let script = format!(
            "trap 'echo > {}; exit 0' TERM; echo > {}; while :; do sleep 0.01; done",
            gone.display(),
            ready.display()
        );
        let host = LocalHost::start(&mut shell(&script), Path::new("true"), "").unwrap();
        let deadline = Instant::now() + START;
        while !ready.exists() {
            assert!(Instant::now() < deadline, "the script never began");
            thread::yield_now();
        }
        drop(host);
        assert!(gone.exists());
    }
}
