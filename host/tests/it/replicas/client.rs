//! A client that goes round the hosts, gives up on the slow, and tries again as clients should: only
//! what was refused for certain, or what may be done twice.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::Cluster;
use crate::client::{Answer, Request};
use crate::harness::DEADLINE;

/// How long one attempt waits. Shorter than a commit is waited for whose outcome is unknown.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Clone)]
pub struct Ask {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, Value)>,
}

/// What came of one attempt.
pub enum Outcome {
    Answered(Answer),
    /// 503 or 504: nothing was kept.
    Refused,
    /// No answer came, or one that says so: nobody knows.
    Lost,
}

/// Goes round the hosts of a cluster, and counts.
pub struct Client<'a> {
    cluster: &'a Cluster,
    turn: AtomicUsize,
    pub answered: AtomicU64,
    pub refused: AtomicU64,
    pub lost: AtomicU64,
    pub retried: AtomicU64,
}

impl Ask {
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

    /// Asks the next host, once.
    pub fn once(&self, ask: &Ask) -> Outcome {
        let addresses = self.cluster.addresses();
        let turn = self.turn.fetch_add(1, Relaxed);
        let address = addresses[turn % addresses.len()];
        let mut request = Request::new(address, ask.method, &ask.target).patience(PATIENCE);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some((media_type, body)) = &ask.body {
            request = request.body(media_type, body.to_string());
        }
        let unknown = |answer: &Answer| answer.text().contains("outcome-unknown");
        let (count, outcome) = match request.try_send() {
            Ok(answer) if answer.status == 503 && unknown(&answer) => (&self.lost, Outcome::Lost),
            Ok(answer) if [503, 504].contains(&answer.status) => (&self.refused, Outcome::Refused),
            Ok(answer) => (&self.answered, Outcome::Answered(answer)),
            Err(_) => (&self.lost, Outcome::Lost),
        };
        count.fetch_add(1, Relaxed);
        outcome
    }

    /// Asks one host after the other until one answers. What is asked may be done twice.
    #[track_caller]
    pub fn insist(&self, ask: &Ask) -> Answer {
        let begun = Instant::now();
        loop {
            match self.once(ask) {
                Outcome::Answered(answer) => return answer,
                _ if begun.elapsed() < 2 * DEADLINE => self.retried.fetch_add(1, Relaxed),
                _ => panic!("{} {} is never answered: {self}", ask.method, ask.target),
            };
            // A breath: without a host that answers this would be a busy loop.
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
