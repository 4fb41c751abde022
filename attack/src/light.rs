//! The light load beside an attack: the clients that must not notice it.

use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::client::{Answer, Request, connect_within};

use crate::attacks::Logic;
use crate::target::{problem, refusal};

/// Clients, each with a connection of its own.
const CLIENTS: usize = 2;
/// The pause of a client between two requests.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The problems that a client may get because a documented limit was reached by others. Each comes with
/// `Retry-After`.
const DOCUMENTED: [&str; 3] = [
    "overloaded",
    "too-many-buffered-bytes",
    "too-many-event-streams",
];

/// What the clients saw.
#[derive(Default)]
pub struct Seen {
    /// How long each answer to a read took, whatever it was.
    pub reads: Times,
    /// How long each answer to a write took.
    pub writes: Times,
    /// Requests that were refused by a documented limit.
    pub refused: u64,
    /// Requests that failed for another reason.
    pub failed: u64,
    /// The first of these.
    pub failure: Option<String>,
}

/// How long answers took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Returns the number of answers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the 99th percentile. `None`: nothing was answered.
    pub fn p99(&self) -> Option<Duration> {
        let mut times = self.0.clone();
        times.sort_unstable();
        let at = (times.len() * 99).div_ceil(100).checked_sub(1)?;
        times.get(at).copied()
    }
}

impl Seen {
    fn add(&mut self, writes: bool, took: Duration, outcome: std::io::Result<Answer>) {
        match writes {
            true => self.writes.0.push(took),
            false => self.reads.0.push(took),
        }
        let failure = match outcome {
            Ok(answer) if answer.status < 400 => return,
            Ok(answer) if is_documented(&answer) => {
                self.refused += 1;
                return;
            }
            Ok(answer) => refusal(&answer),
            Err(error) => format!("no answer: {error}"),
        };
        self.failed += 1;
        self.failure.get_or_insert(failure);
    }
}

fn is_documented(answer: &Answer) -> bool {
    answer.header("retry-after").is_some() && DOCUMENTED.contains(&&*problem(answer))
}

/// The connections of the clients, which stay open over several loads.
pub struct Light {
    logic: Logic,
    address: SocketAddr,
    open: Vec<Option<TcpStream>>,
}

impl Light {
    /// Describes the clients of a host.
    pub fn new(logic: Logic, address: SocketAddr) -> Self {
        let open = (0..CLIENTS).map(|_| None).collect();
        Self {
            logic,
            address,
            open,
        }
    }

    /// Makes the data that the clients use.
    ///
    /// # Errors
    /// If the host does not answer.
    pub fn prepare(&self) -> std::io::Result<()> {
        if let Logic::Counter = self.logic {
            let body = json!({"name": "light"});
            Request::new(self.address, "POST", "/counters")
                .json(&body)
                .try_send()?;
        }
        Ok(())
    }

    /// Sends requests until `stop` is set.
    pub fn run(&mut self, stop: &AtomicBool) -> Seen {
        let seen = Mutex::new(Seen::default());
        let (logic, address) = (self.logic, self.address);
        thread::scope(|scope| {
            for open in &mut self.open {
                let seen = &seen;
                scope.spawn(move || {
                    let mut number = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        let outcome = send(open, address, request(logic, address, number));
                        if outcome.is_err() {
                            *open = None;
                        }
                        let took = began.elapsed();
                        let writes = logic.has_writes() && writes(number);
                        let mut seen = seen.lock().expect("no client panics");
                        seen.add(writes, took, outcome);
                        drop(seen);
                        number += 1;
                        thread::park_timeout(PAUSE);
                    }
                });
            }
        });
        seen.into_inner().expect("no client panics")
    }

    /// Sends one request of each kind, and returns whether all succeed.
    pub fn succeeds(&self) -> bool {
        (4..6).all(|number| {
            let answer = request(self.logic, self.address, number).try_send();
            answer.is_ok_and(|answer| answer.status < 400)
        })
    }
}

/// Whether the request with this number is a write: after four reads, one write.
fn writes(number: u64) -> bool {
    number % 5 == 4
}

fn request(logic: Logic, address: SocketAddr, number: u64) -> Request {
    let get = |path: &str| Request::new(address, "GET", path);
    let post = |path: &str, body| Request::new(address, "POST", path).json(&body);
    let writes = writes(number);
    match logic {
        Logic::Tasks if writes => post(
            "/tasks",
            json!({"title": "A light load", "category": "testing"}),
        ),
        Logic::Tasks => get("/tasks/1"),
        Logic::Counter if writes => post("/counters/light/increment", json!({})),
        Logic::Counter => get("/counters/light"),
        Logic::Crafted(_) => get("/light/1"),
    }
}

fn send(
    open: &mut Option<TcpStream>,
    address: SocketAddr,
    request: Request,
) -> std::io::Result<Answer> {
    let stream = match open {
        Some(stream) => stream,
        None => open.insert(connect_within(address, PATIENCE)?),
    };
    request.kept_alive().send_on(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Times {
        let milliseconds = milliseconds.into_iter();
        Times(milliseconds.map(Duration::from_millis).collect())
    }

    #[test]
    fn the_99th_percentile_leaves_out_one_in_a_hundred() {
        assert_eq!(times(1..=100).p99(), Some(Duration::from_millis(99)));
        assert_eq!(times([7]).p99(), Some(Duration::from_millis(7)));
        assert_eq!(times([]).p99(), None);
    }

    #[test]
    fn only_a_documented_refusal_with_retry_after_is_not_a_failure() {
        let answer = |code: &str, header: &str| {
            let body = format!("{{\"type\":\"urn:task-host:problem:{code}\"}}");
            let length = body.len();
            let raw = format!("HTTP/1.1 503 no\r\ncontent-length: {length}\r\n{header}\r\n{body}");
            Answer::parse(raw.as_bytes(), false)
        };
        let mut seen = Seen::default();
        seen.add(
            false,
            Duration::ZERO,
            answer("overloaded", "retry-after: 1\r\n"),
        );
        assert_eq!((seen.refused, seen.failed), (1, 0));
        seen.add(false, Duration::ZERO, answer("overloaded", ""));
        seen.add(
            false,
            Duration::ZERO,
            answer("unavailable", "retry-after: 1\r\n"),
        );
        assert_eq!((seen.refused, seen.failed), (1, 2));
        assert_eq!(seen.failure.as_deref(), Some("503 overloaded"));
    }
}
