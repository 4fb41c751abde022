//! A client that sends each request to the next host, gives up on slow answers, and retries as
//! clients should: only requests that certainly had no effect, or that are safe to repeat.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::Cluster;
use crate::client::{Answer, Request};
use crate::harness::{DEADLINE, eventually};

/// How long one attempt waits. This is shorter than the time for which a host tries to find out the
/// outcome of a commit.
const PATIENCE: Duration = Duration::from_secs(2);

/// A request that can be sent several times.
#[derive(Clone)]
pub struct RequestSpec {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, Value)>,
}

/// The result of one attempt.
pub enum Outcome {
    Answered(Answer),
    /// 503 or 504: the request had no effect.
    Refused,
    /// No answer, or one that says that the outcome is unknown.
    Lost,
}

/// Sends requests to the hosts of a cluster in turn, and counts the outcomes.
pub struct Client<'a> {
    cluster: &'a Cluster,
    turn: AtomicUsize,
    pub answered: AtomicU64,
    pub refused: AtomicU64,
    pub lost: AtomicU64,
    pub retried: AtomicU64,
}

impl RequestSpec {
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn json(self, body: Value) -> Self {
        self.body("application/json", body)
    }

    pub fn body(mut self, media_type: &'static str, body: Value) -> Self {
        self.body = Some((media_type, body));
        self
    }
}

impl<'a> Client<'a> {
    pub fn new(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            turn: AtomicUsize::new(0),
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            retried: AtomicU64::new(0),
        }
    }

    /// Sends a request once, to the next host.
    pub fn try_once(&self, spec: &RequestSpec) -> Outcome {
        let addresses = self.cluster.addresses();
        let turn = self.turn.fetch_add(1, Relaxed);
        let address = addresses[turn % addresses.len()];
        let mut request = Request::new(address, spec.method, &spec.target).patience(PATIENCE);
        for (name, value) in &spec.headers {
            request = request.header(name, value);
        }
        if let Some((media_type, body)) = &spec.body {
            request = request.body(media_type, body.to_string());
        }
        let unknown = |answer: &Answer| answer.text().contains("outcome-unknown");
        let (count, outcome) = match request.try_send() {
            Ok(answer) if answer.status == 503 && unknown(&answer) => (&self.lost, Outcome::Lost),
            Ok(answer) if [503, 504].contains(&answer.status) => (&self.refused, Outcome::Refused),
            Ok(answer) if answer.status == 500 => self.fail(spec, &answer),
            Ok(answer) => (&self.answered, Outcome::Answered(answer)),
            Err(_) => (&self.lost, Outcome::Lost),
        };
        count.fetch_add(1, Relaxed);
        outcome
    }

    /// Panics with what the hosts logged about a request that answered 500: no fault may cause one.
    fn fail(&self, spec: &RequestSpec, answer: &Answer) -> ! {
        let id = answer.expect_header("x-request-id");
        let lines = eventually("the request is in a log", || {
            let hosts = self.cluster.hosts.iter();
            let lines = hosts.flat_map(|host| host.log().all());
            let lines: Vec<_> = lines
                .map(|line| line.to_string())
                .filter(|line| line.contains(id))
                .collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        });
        panic!("{} {}: {answer}\n{lines}", spec.method, spec.target);
    }

    /// Sends a request to one host after the other until one answers. The request must be safe to
    /// repeat.
    #[track_caller]
    pub fn send_until_answered(&self, spec: &RequestSpec) -> Answer {
        let begun = Instant::now();
        loop {
            match self.try_once(spec) {
                Outcome::Answered(answer) => return answer,
                _ if begun.elapsed() < 2 * DEADLINE => self.retried.fetch_add(1, Relaxed),
                _ => panic!("no host answers {} {}: {self}", spec.method, spec.target),
            };
            // Avoids a busy loop while no host answers.
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl fmt::Display for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [answered, refused, lost, retried] =
            [&self.answered, &self.refused, &self.lost, &self.retried]
                .map(|count| count.load(Relaxed));
        write!(
            f,
            "{answered} requests answered, {refused} refused, {lost} lost, {retried} retried"
        )
    }
}
