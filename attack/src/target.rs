//! What an attack is given: the addresses of the host and the time until which it attacks.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::client::{Answer, Request, connect_within};

/// How long an attacker waits for bytes before it looks at the clock again.
const GLANCE: Duration = Duration::from_millis(100);

/// How long an attacker waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What [`Target::deploy`] returns if the attack ends before the deployment.
pub const RUNNING: &str = "still running";

/// The host under attack.
pub struct Target {
    /// Where clients reach it.
    pub api: SocketAddr,
    /// Where operators reach it.
    pub admin: SocketAddr,
    /// The operators' token.
    pub token: &'static str,
    /// When the attack ends.
    pub until: Instant,
}

impl Target {
    /// Whether the attack has to end.
    pub fn over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Begins a request of an operator.
    pub fn operator(&self, method: &str, path: &str) -> Request {
        Request::new(self.admin, method, path)
            .header("authorization", &format!("Bearer {}", self.token))
    }

    /// Runs `attacker` on that many threads at once, each with its number, until all return.
    pub fn crowd(&self, count: usize, attacker: impl Fn(usize) + Sync) {
        thread::scope(|scope| {
            for number in 0..count {
                let attacker = &attacker;
                scope.spawn(move || attacker(number));
            }
        });
    }

    /// Sends requests on that many connections until the attack ends: `request` gets the number of the
    /// request, which is different for every request. Returns what was answered.
    pub fn flood(&self, connections: usize, request: impl Fn(u64) -> Request + Sync) -> Tally {
        let tally = Tally::default();
        self.crowd(connections, |connection| {
            let mut open = None;
            for round in 0.. {
                if self.over() {
                    break;
                }
                let request = request((round * connections + connection) as u64);
                let answer = self.send(&mut open, request);
                tally.add(answer.as_ref().ok());
                if answer.is_err() {
                    open = None;
                    thread::park_timeout(Duration::from_millis(1));
                }
            }
        });
        tally
    }

    fn send(&self, open: &mut Option<TcpStream>, request: Request) -> std::io::Result<Answer> {
        let stream = match open {
            Some(stream) => stream,
            None => open.insert(self.connect()?),
        };
        request.kept_alive().send_on(stream)
    }

    /// Opens a connection to the API whose reads do not outlast the attack for long.
    ///
    /// # Errors
    /// If nobody accepts it.
    pub fn connect(&self) -> std::io::Result<TcpStream> {
        connect_within(self.api, PATIENCE)
    }

    /// Reads and throws away what the host sends until it closes the connection or the attack ends.
    /// Returns the number of bytes and whether the host closed the connection.
    pub fn drain(&self, stream: &mut TcpStream) -> (u64, bool) {
        let _ = stream.set_read_timeout(Some(GLANCE));
        let (mut buffer, mut read) = (vec![0; 1 << 16], 0);
        while !self.over() {
            match stream.read(&mut buffer) {
                Ok(0) => return (read, true),
                Ok(some) => read += some as u64,
                Err(error) if is_time_out(&error) => {}
                Err(_) => return (read, true),
            }
        }
        (read, false)
    }

    /// Holds connections open until the attack ends. Returns how many of them the host has closed.
    pub fn hold(&self, mut streams: Vec<TcpStream>) -> usize {
        while !self.over() {
            thread::park_timeout(GLANCE);
        }
        streams
            .iter_mut()
            .map(is_closed)
            .filter(|closed| *closed)
            .count()
    }

    /// Uploads a component and orders its deployment, whether or not it breaks clients. Waits for the end of it, or of the attack, and
    /// returns the outcome and the code of a refusal.
    ///
    /// # Errors
    /// If the operators' port does not accept it. A refusal of the component is no error.
    pub fn deploy(&self, component: &[u8], dry_run: bool) -> Result<String> {
        let upload = self
            .operator("POST", "/admin/components")
            .body("application/wasm", component)
            .patience(Duration::from_secs(60))
            .try_send()?;
        if !matches!(upload.status, 200 | 201) {
            return Ok(refusal(&upload));
        }
        let digest = upload.json()["digest"].clone();
        let order = json!({"digest": digest, "dry_run": dry_run, "allow_breaking": true});
        let begun = self
            .operator("POST", "/admin/deployments")
            .json(&order)
            .try_send()?;
        if begun.status != 202 {
            return Ok(refusal(&begun));
        }
        let path = format!("/admin/deployments/{}", begun.json()["id"]);
        loop {
            let state = self.operator("GET", &path).try_send()?;
            ensure!(state.status == 200, "{}", refusal(&state));
            let state = state.json();
            match state["outcome"].as_str() {
                None | Some("running") if self.over() => return Ok(RUNNING.to_owned()),
                None | Some("running") => thread::park_timeout(GLANCE),
                Some(outcome) => {
                    let code = state["code"].as_str().unwrap_or("");
                    return Ok(format!("{outcome} {code}").trim().to_owned());
                }
            }
        }
    }
}

/// The status and the problem of an answer.
pub fn refusal(answer: &Answer) -> String {
    format!("{} {}", answer.status, problem(answer))
}

/// The code of the problem in an answer, or nothing.
pub fn problem(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let kind = body["type"].as_str().unwrap_or("");
    kind.rsplit(':').next().unwrap_or("").to_owned()
}

/// Whether a read ended because of the time-out.
pub fn is_time_out(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Whether the other end has closed a connection. Reads what is there.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = vec![0; 1 << 16];
    let _ = stream.set_nonblocking(true);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !is_time_out(&error),
        }
    }
}

/// How often each answer came.
#[derive(Default)]
pub struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    /// Counts an answer. `None`: the host did not answer.
    pub fn add(&self, answer: Option<&Answer>) {
        self.count(match answer {
            None => "no answer".to_owned(),
            Some(answer) if answer.status < 400 => answer.status.to_string(),
            Some(answer) => refusal(answer),
        });
    }

    /// Counts anything else.
    pub fn count(&self, what: impl Into<String>) {
        *self.counts().entry(what.into()).or_default() += 1;
    }

    /// Returns the sum of the counts whose names begin with a text.
    pub fn of(&self, beginning: &str) -> u64 {
        let counts = self.counts();
        let matching = counts
            .iter()
            .filter(|(name, _)| name.starts_with(beginning));
        matching.map(|(_, count)| count).sum()
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        let parts = counts
            .iter()
            .map(|(what, count)| format!("{count} × {}", what.trim()));
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

/// A number that looks random and depends only on its seed.
pub fn scramble(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
