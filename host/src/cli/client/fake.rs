//! A fake host for tests: it gives prepared answers in order, one per connection, and records the
//! requests. It uses plain sockets, so that it can break off in the middle of an answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::RetryPolicy;
use contract::deployment::{Kind, Progress, Reason, Stage};
use deployment::model::{ComponentSummary, Deployment, Event, RevisionStatus, Status};

/// The digest of `new logic`, which the fake component and the fake deployment have.
pub(in crate::cli) const DIGEST: &str =
    "a6bffc98f5bb14c91a1550a02da2bdc13b86f146507ab702ac6ca352d09d84ae";
/// The digest of the component that was active before.
pub(in crate::cli) const BEFORE: &str =
    "78a6273103d17c39a0b6126e226cec70e33337f4bc6a38067401b54a33e78ead";
/// Retries without pauses.
pub(in crate::cli) const NO_PAUSES: RetryPolicy = RetryPolicy {
    attempts: 3,
    first_pause: Duration::ZERO,
    silence: Duration::from_secs(20),
};

/// The request for the latest deployment, which precedes every order. The fake host answers
/// with an empty list, and does not record it.
const LATEST: &str = "GET /admin/deployments?limit=1";

pub(in crate::cli) struct Fake {
    pub(in crate::cli) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A request that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Received {
    /// Method and path.
    pub(in crate::cli) line: String,
    headers: Vec<(String, String)>,
    pub(in crate::cli) body: Vec<u8>,
}

impl Fake {
    /// Starts a host that gives these answers, and refuses connections after the last one.
    pub(in crate::cli) fn answers<const N: usize>(answers: [Vec<u8>; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let list = received.clone();
        thread::spawn(move || {
            let mut answers = answers.into_iter();
            while answers.len() > 0 {
                let (stream, _) = listener.accept().unwrap();
                let request = read(&stream);
                if request.line == LATEST {
                    let _ = (&stream).write_all(&ok(&Vec::<Deployment>::new()));
                    continue;
                }
                let answer = answers.next().unwrap_or_default();
                list.lock().unwrap().push(request);
                // The client may have closed the connection already.
                let _ = (&stream).write_all(&answer);
            }
        });
        Fake { url, received }
    }

    pub(in crate::cli) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Method and path of each request.
    pub(in crate::cli) fn lines(&self) -> Vec<String> {
        self.received()
            .into_iter()
            .map(|request| request.line)
            .collect()
    }
}

impl Received {
    pub(in crate::cli) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(in crate::cli) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn read(stream: &TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let headers: Vec<(String, String)> = head[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Received {
        line: head[0].trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body,
    }
}

fn answer(status: u16, media_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(in crate::cli) fn ok(body: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(body).unwrap();
    answer(200, "application/json", &body)
}

/// The answer to an order.
pub(in crate::cli) fn started(id: i64) -> Vec<u8> {
    answer(
        202,
        "application/json",
        json!({ "id": id }).to_string().as_bytes(),
    )
}

pub(in crate::cli) fn no_content() -> Vec<u8> {
    b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n".to_vec()
}

pub(in crate::cli) fn problem(status: u16, code: &str, title: &str, members: Value) -> Vec<u8> {
    let mut body = json!({
        "type": format!("urn:task-host:problem:{code}"),
        "title": title,
        "status": status,
    });
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let body = body.to_string();
    answer(status, "application/problem+json", body.as_bytes())
}

pub(in crate::cli) fn not_found() -> Vec<u8> {
    problem(404, "not-found", "There is no such thing", json!({}))
}

/// A stream that breaks off after these events, in the middle of a message.
pub(in crate::cli) fn broken_events(events: &[Event]) -> Vec<u8> {
    let stream = format!("{}id: 99\nda", stream(events));
    let head =
        "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n";
    format!("{head}{stream}").into_bytes()
}

/// A stream of events.
pub(in crate::cli) fn events(events: &[Event]) -> Vec<u8> {
    answer(200, "text/event-stream", stream(events).as_bytes())
}

fn stream(events: &[Event]) -> String {
    let message = |event: &Event| format!("id: {}\ndata: {}\n\n", event.number, json!(event));
    let events: String = events.iter().map(message).collect();
    format!("retry: 1000\n\n: still running\n\n{events}")
}

pub(in crate::cli) fn event(number: u64, stage: &str, status: &str) -> Event {
    Event {
        number,
        at: "2026-01-02T03:04:05Z".to_owned(),
        stage: stage.into(),
        status: status.into(),
        detail: None,
        duration_ms: (status == "passed").then_some(12.0),
        canary_percent: None,
        host_end: None,
        breaking: Vec::new(),
        log: Vec::new(),
        rejections: Vec::new(),
        rehearsal: None,
    }
}

/// Deployment 7 with this outcome.
pub(in crate::cli) fn deployment(outcome: &str) -> Deployment {
    let good = matches!(outcome, "active" | "checked" | "running");
    Deployment {
        id: 7,
        digest: DIGEST.to_owned(),
        from: Some(BEFORE.to_owned()),
        kind: Kind::Deploy.into(),
        actor: "alice (token)".to_owned(),
        message: None,
        git_revision: None,
        canary_percent: None,
        canary_reached_percent: None,
        canary_steps: Vec::new(),
        canary_step_ms: None,
        shadow: false,
        stage: Progress::At(Stage::Probation).into(),
        outcome: outcome.into(),
        code: (!good).then(|| Reason::CheckFailed.into()),
        reason: (!good).then(|| "the component's self-test failed: no".to_owned()),
        events: vec![event(0, "verify", "began"), event(1, "verify", "passed")],
        began_at: "2026-01-02T03:04:05Z".to_owned(),
        ended_at: (outcome != "running").then(|| "2026-01-02T03:04:06.5Z".to_owned()),
    }
}

pub(in crate::cli) fn component(digest: &str, signed: bool) -> ComponentSummary {
    ComponentSummary {
        digest: digest.to_owned(),
        size_bytes: 9,
        actor: "alice (token)".to_owned(),
        uploaded_at: "2026-01-02T03:04:05Z".to_owned(),
        signed,
        active: false,
    }
}

/// The state of a host on which no deployment runs.
pub(in crate::cli) fn status() -> Status {
    Status {
        active: RevisionStatus {
            digest: BEFORE.to_owned(),
            name: "tasks".to_owned(),
            version: "0.1.0".to_owned(),
            requests: 12_345_678,
            failures: 2,
            in_flight: 12,
        },
        candidate: None,
        candidate_percent: None,
        shadow: None,
        deployment: None,
        verdict: None,
        kept: Vec::new(),
        warning: None,
        replicas: Vec::new(),
        epoch: 3,
        host_version: "0.1.0".to_owned(),
        memory_clearing: None,
    }
}
