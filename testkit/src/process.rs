//! Child processes: one that runs until it is stopped, and one that runs to its end.

use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::wait::{DEADLINE, until};

/// Pause between two polls for readiness, short because the benchmark times readiness.
const PAUSE: Duration = Duration::from_millis(1);

/// A running process. Dropping it kills the process, unless it is [`draining`](Process::draining).
pub struct Process {
    child: Child,
    /// Set once the process was waited for. From then on its id may belong to another process.
    ended: Option<ExitStatus>,
    drains: bool,
}

impl Process {
    /// Starts a process.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self {
            child,
            ended: None,
            drains: false,
        })
    }

    /// Makes the drop send SIGTERM and wait for the end, however long it takes, instead of killing.
    #[must_use]
    pub fn draining(mut self) -> Self {
        self.drains = true;
        self
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes the pipe of standard error, if the command piped it.
    pub(crate) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Returns how the process ended, or `None` while it runs.
    ///
    /// # Errors
    /// If the system does not report the status.
    pub fn poll(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Polls every millisecond until `ready` returns true.
    ///
    /// # Errors
    /// If the process ends first, or the time passes.
    pub fn wait_until(&mut self, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let began = Instant::now();
        while !ready() {
            if let Some(status) = self.poll()? {
                bail!("it ended before it was ready ({status})");
            }
            if began.elapsed() > within {
                bail!("it is not ready after {within:?}");
            }
            thread::sleep(PAUSE);
        }
        // Another process at the same address may have been the one that was ready.
        match self.poll()? {
            None => Ok(()),
            Some(status) => bail!("it ended before it was ready ({status})"),
        }
    }

    /// Sends a signal. Does nothing if the process has ended.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            let _ = kill_process(pid_of(&self.child), signal);
        }
    }

    /// Waits until the process ends.
    ///
    /// # Errors
    /// If it still runs when the time has passed.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        until(within, || self.poll().transpose())
            .unwrap_or_else(|| Err(anyhow!("it still runs after {within:?}")))
    }

    /// Sends SIGTERM and waits until the process ends.
    ///
    /// # Errors
    /// If it still runs when the time has passed. It keeps running until it is dropped.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        self.wait(within).context("after SIGTERM")
    }

    /// Sends SIGKILL and waits until the process is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.drains {
            self.signal(Signal::TERM);
            let _ = self.child.wait();
        } else {
            self.kill();
        }
    }
}

/// Removes the variables of the developer's shell that would change what a host does.
pub fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"TASK_HOST_")
            || name == "RUST_LOG"
            || name == "RUST_BACKTRACE"
        {
            command.env_remove(name);
        }
    }
    command
}

/// How a process ended that [`finish`] ran.
#[derive(Debug)]
pub struct Finished {
    /// The exit status. `None` if a signal ended the process.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a command to its end and returns what it wrote. Kills it after [`DEADLINE`].
///
/// # Errors
/// If the program cannot be started.
pub fn finish(mut command: Command) -> Result<Finished> {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let pid = pid_of(&child);
    let reader = thread::spawn(move || child.wait_with_output());
    if until(DEADLINE, || reader.is_finished().then_some(())).is_none() {
        let _ = kill_process(pid, Signal::KILL);
    }
    let output = reader
        .join()
        .map_err(|_| anyhow!("the reader of the output panicked"))??;
    Ok(Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Finished {
    /// Asserts the exit status and that standard error contains every word, in any case.
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

fn pid_of(child: &Child) -> Pid {
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id is a positive int")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_process_that_ends_before_it_is_ready_is_not_waited_for() {
        let error = shell("exit 3").wait_until(DEADLINE, || false).unwrap_err();
        let said = "it ended before it was ready (exit status: 3)";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn readiness_of_another_process_does_not_count() {
        let mut process = shell("exit 3");
        process.wait(DEADLINE).unwrap();
        process.wait_until(DEADLINE, || true).unwrap_err();
    }

    #[test]
    fn a_draining_process_is_asked_to_end_and_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (ready, gone) = (folder.path().join("ready"), folder.path().join("gone"));
        let mut process = shell(&format!(
            "trap 'echo > {}; exit 0' TERM; echo > {}; while :; do sleep 0.01; done",
            gone.display(),
            ready.display()
        ))
        .draining();
        process.wait_until(DEADLINE, || ready.exists()).unwrap();
        drop(process);
        assert!(gone.exists());
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = Process::start(&mut Command::new("no-such-program")).err();
        assert_eq!(error.unwrap().to_string(), "cannot start no-such-program");
    }

    #[test]
    fn the_output_of_a_finished_command_is_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo Err >&2; exit 7"]);
        let finished = finish(command).unwrap();
        assert_eq!(finished.stdout, "out\n");
        finished.says(7, &["err"]);
    }
}
