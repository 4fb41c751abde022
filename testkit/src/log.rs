//! The log that a host writes to standard error, kept line by line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wait::{DEADLINE, eventually};

/// The lines of a process's standard error, read by a thread so that the pipe never fills. Clones
/// share the lines.
#[derive(Clone)]
pub struct Log {
    shared: Arc<(Mutex<Lines>, Condvar)>,
}

#[derive(Default)]
struct Lines {
    text: Vec<String>,
    /// The pipe is closed.
    ended: bool,
    /// The next line is the last one that is read.
    unwanted: bool,
}

impl Log {
    /// Reads a stream to its end, and copies it to a file if there is one.
    pub(crate) fn follow(stream: impl Read + Send + 'static, mut copy: Option<File>) -> Self {
        let log = Self {
            shared: Arc::default(),
        };
        let written = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                if let Some(copy) = &mut copy {
                    // A full disk must not stop the host, so the pipe is read on.
                    let _ = copy.write_all(&line).and_then(|()| copy.write_all(b"\n"));
                }
                let mut lines = written.lock();
                lines.text.push(String::from_utf8_lossy(&line).into_owned());
                written.shared.1.notify_all();
                if lines.unwanted {
                    break;
                }
            }
            written.lock().ended = true;
            written.shared.1.notify_all();
        });
        log
    }

    /// Reads one more line, then closes the pipe. The process has no reader from then on.
    pub fn stop_reading(&self) {
        self.lock().unwanted = true;
    }

    /// Waits until the pipe is closed.
    ///
    /// # Panics
    /// If it is still open after [`DEADLINE`].
    #[track_caller]
    pub fn wait_until_closed(&self) {
        eventually("the log is closed", || self.lock().ended.then_some(()));
    }

    /// Waits up to [`DEADLINE`] for the first line that is JSON and `wanted`, the lines so far
    /// included. Returns `None` if the process ends or the time passes without one.
    pub fn find(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        self.find_within(DEADLINE, wanted)
    }

    /// Like [`Log::find`], with another limit.
    pub fn find_within(&self, within: Duration, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let deadline = Instant::now() + within;
        let mut seen = 0;
        let mut lines = self.lock();
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
                .shared
                .1
                .wait_timeout(lines, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Returns every line so far that is JSON.
    pub fn all(&self) -> Vec<Value> {
        let lines = self.lock();
        let json = lines.text.iter();
        json.filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Returns the last lines as they were written.
    pub fn tail(&self, count: usize) -> String {
        let lines = self.lock();
        let from = lines.text.len().saturating_sub(count);
        lines.text[from..].join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
