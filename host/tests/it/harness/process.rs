//! One running host: its addresses, its log, and the signals sent to it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{DEADLINE, eventually};
use crate::client::{Answer, Request};

/// One running host. Dropping it kills the process.
pub struct Host {
    child: Child,
    /// Where the API listens.
    pub address: SocketAddr,
    /// Where the operators' port listens.
    pub admin_address: SocketAddr,
    /// What it has written to standard error so far.
    pub log: Log,
    /// The database lies in there: it must outlive the process.
    _directory: Arc<TempDir>,
}

impl Host {
    /// Starts the process and waits for the line that tells its addresses.
    pub(super) fn spawn(mut command: Command, directory: Arc<TempDir>) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Log::follow(child.stderr.take().expect("standard error is piped"));
        let Some(ready) = log.find(|line| line.get("server.address").is_some()) else {
            let _ = child.kill();
            let status = child.wait();
            panic!("the host did not start ({status:?}):\n{}", log.tail(40));
        };
        let address = |name: &str| {
            ready[name]
                .as_str()
                .and_then(|address| address.parse().ok())
                .unwrap_or_else(|| panic!("no {name} in {ready}"))
        };
        Self {
            address: address("server.address"),
            admin_address: address("admin.address"),
            child,
            log,
            _directory: directory,
        }
    }

    /// Begins a request to the API.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    /// Begins a request to the operators' port.
    pub fn admin(&self, method: &str, target: &str) -> Request {
        Request::new(self.admin_address, method, target)
    }

    /// GET.
    pub fn get(&self, target: &str) -> Answer {
        self.request("GET", target).send()
    }

    /// POST with a JSON body.
    pub fn post(&self, target: &str, body: &Value) -> Answer {
        self.request("POST", target).json(body).send()
    }

    /// PUT with a JSON body.
    pub fn put(&self, target: &str, body: &Value) -> Answer {
        self.request("PUT", target).json(body).send()
    }

    /// PATCH with a JSON merge patch.
    pub fn patch(&self, target: &str, body: &Value) -> Answer {
        self.request("PATCH", target)
            .body("application/merge-patch+json", body.to_string())
            .send()
    }

    /// DELETE.
    pub fn delete(&self, target: &str) -> Answer {
        self.request("DELETE", target).send()
    }

    /// Asks the host to drain and go.
    pub fn terminate(&self) {
        signal(pid_of(&self.child), Signal::TERM);
    }

    /// Lets the process stand still, with everything that it holds.
    pub fn pause(&self) {
        signal(pid_of(&self.child), Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        signal(pid_of(&self.child), Signal::CONT);
    }

    /// Ends the process at once, as the machine's death would.
    pub fn kill(mut self) {
        signal(pid_of(&self.child), Signal::KILL);
        self.wait();
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the host ends", || {
            self.child.try_wait().expect("its status")
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the host's last lines ---\n{}", self.log.tail(40));
        }
    }
}

/// The lines of a process' standard error, read by a thread so that the pipe never fills.
#[derive(Clone)]
pub struct Log {
    lines: Arc<(Mutex<Lines>, Condvar)>,
}

#[derive(Default)]
struct Lines {
    text: Vec<String>,
    ended: bool,
    unwanted: bool,
}

impl Log {
    fn follow(stream: impl std::io::Read + Send + 'static) -> Self {
        let lines = Arc::new((Mutex::new(Lines::default()), Condvar::new()));
        let log = Self {
            lines: lines.clone(),
        };
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut held = lines.0.lock().expect("no reader panics");
                held.text.push(line);
                lines.1.notify_all();
                if held.unwanted {
                    break;
                }
            }
            lines.0.lock().expect("no reader panics").ended = true;
            lines.1.notify_all();
        });
        log
    }

    /// Reads one more line, then closes the pipe: the process writes to nobody from then on.
    pub fn stop_reading(&self) {
        self.lines.0.lock().expect("the log's thread runs").unwanted = true;
    }

    /// Waits until the pipe is closed.
    pub fn wait_until_closed(&self) {
        eventually("the log is closed", || {
            let lines = self.lines.0.lock().expect("the log's thread runs");
            lines.ended.then_some(())
        });
    }

    /// Waits for the first line, as JSON, of which `wanted` is true; none where the process
    /// ended or the deadline passed without one.
    pub fn find(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = 0;
        let mut lines = self.lines.0.lock().expect("the log's thread runs");
        loop {
            let found = lines.text[seen..]
                .iter()
                .filter_map(|line| serde_json::from_str(line).ok())
                .find(&wanted);
            let rest = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || lines.ended || rest.is_zero() {
                return found;
            }
            seen = lines.text.len();
            lines = self
                .lines
                .1
                .wait_timeout(lines, rest)
                .expect("the log's thread runs")
                .0;
        }
    }

    /// Every line so far that is JSON.
    pub fn all(&self) -> Vec<Value> {
        let lines = self.lines.0.lock().expect("the log's thread runs");
        let json = lines.text.iter();
        json.filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The last lines as they were written.
    pub fn tail(&self, count: usize) -> String {
        let lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = lines.text.len().saturating_sub(count);
        lines.text[from..].join("\n")
    }
}

/// The process id of a child that was not waited for yet.
pub(super) fn pid_of(child: &Child) -> Pid {
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id is a positive int")
}

/// Sends a signal; a process that is gone already is no fault.
pub(super) fn signal(pid: Pid, signal: Signal) {
    let _ = kill_process(pid, signal);
}
