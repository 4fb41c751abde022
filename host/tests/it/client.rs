//! A blocking HTTP/1.1 client that hides nothing.
//!
//! A library would decompress, follow, retry and normalise; these tests assert exactly those
//! things. Each request has a connection of its own, and its answer is read to the end of the
//! connection, unless a test keeps one.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long any single answer may take before a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that is being put together.
#[must_use]
pub struct Request {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    patience: Duration,
    keeps_alive: bool,
}

impl Request {
    /// Begins a request; `target` is sent as it stands, so it must be percent-encoded.
    pub fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            address,
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: None,
            patience: PATIENCE,
            keeps_alive: false,
        }
    }

    /// Does not ask for the connection's end.
    pub fn kept_alive(mut self) -> Self {
        self.keeps_alive = true;
        self
    }

    /// Waits no longer than this for the answer to go on.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a JSON body as `application/json`.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends any body with any media type.
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = self.header("content-type", media_type);
        request.body = Some(body.into());
        request
    }

    /// Sends the request and reads the whole answer.
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.target);
        self.try_send()
            .unwrap_or_else(|error| panic!("{what} got no answer: {error}"))
    }

    /// As [`Request::send`], where the host may be dying.
    pub fn try_send(self) -> io::Result<Answer> {
        let head_only = self.method == "HEAD";
        Answer::read(&mut self.open()?, head_only)
    }

    /// Sends the request and leaves its answer unread on the connection.
    pub fn open(self) -> io::Result<TcpStream> {
        let mut stream = connect(self.address)?;
        stream.set_read_timeout(Some(self.patience))?;
        self.write_to(&mut stream)?;
        Ok(stream)
    }

    /// Sends the request on a connection that there is, and reads the answer, which has to tell its
    /// length.
    pub fn send_on(self, stream: &mut TcpStream) -> io::Result<Answer> {
        self.write_to(stream)?;
        let mut raw = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            match stream.read(&mut bytes)? {
                0 => return Answer::parse(&raw, false),
                count => raw.extend_from_slice(&bytes[..count]),
            }
            if let Ok(answer) = Answer::parse(&raw, false) {
                answer.expect_header("content-length");
                return Ok(answer);
            }
        }
    }

    fn write_to(self, stream: &mut TcpStream) -> io::Result<()> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\n",
            self.method, self.target, self.address
        );
        if !self.keeps_alive {
            head.push_str("connection: close\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut message = head.into_bytes();
        message.extend(self.body.unwrap_or_default());
        // The host may answer and close before it has read a body that it refuses.
        match stream.write_all(&message) {
            Err(error) if !is_hang_up(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Opens a bare connection whose reads and writes cannot hang a test.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An answer as it came over the wire, with only the chunking taken off.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer from a connection that ends with it.
    pub fn read(stream: &mut TcpStream, head_only: bool) -> io::Result<Self> {
        let mut raw = Vec::new();
        if let Err(error) = stream.read_to_end(&mut raw) {
            // A reset after a whole answer is the host's way to refuse the rest of a body.
            if error.kind() != io::ErrorKind::ConnectionReset || raw.is_empty() {
                return Err(error);
            }
        }
        Self::parse(&raw, head_only)
    }

    /// Parses the bytes of one whole answer.
    pub fn parse(raw: &[u8], head_only: bool) -> io::Result<Self> {
        let incomplete = |what: &str| io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned());
        let end = find(raw, b"\r\n\r\n").ok_or_else(|| incomplete("the head ends early"))?;
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| incomplete("the status line is not one"))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Self {
            status,
            headers,
            body: raw[end + 4..].to_vec(),
        };
        if head_only || status == 304 || status == 204 {
            return Ok(answer);
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunk(&answer.body).ok_or_else(|| incomplete("a chunk ends early"))?;
        } else if let Some(length) = answer.header("content-length")
            && length.parse() != Ok(answer.body.len())
        {
            return Err(incomplete("the body ends early"));
        }
        Ok(answer)
    }

    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first header of that lower-case name, which has to be there.
    pub fn expect_header(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no header {name} in {self}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {self}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Asserts the status and hands the answer on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Asserts a problem document (RFC 9457) of that status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self}"
        );
        let problem = self.json();
        assert_eq!(
            problem["type"],
            format!("urn:task-host:problem:{code}"),
            "{self}"
        );
        assert_eq!(problem["status"], status, "{self}");
        assert!(
            !problem["title"].as_str().unwrap_or("").is_empty(),
            "{self}"
        );
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "{self}"
        );
        problem
    }

    /// As [`Answer::problem`], and asserts the pointers of its errors in any order.
    #[track_caller]
    pub fn problem_at(&self, status: u16, code: &str, pointers: &[&str]) {
        let problem = self.problem(status, code);
        let mut found: Vec<_> = problem["errors"]
            .as_array()
            .unwrap_or(&Vec::new())
            .iter()
            .map(|error| {
                assert!(!error["detail"].as_str().unwrap_or("").is_empty(), "{self}");
                error["pointer"].as_str().unwrap_or("none").to_owned()
            })
            .collect();
        found.sort();
        let mut expected = pointers.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{self}");
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{:.2000}", self.text())
    }
}

/// Percent-encodes everything that is not unreserved (RFC 3986).
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn unchunk(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(raw, b"\r\n")?;
        let size = std::str::from_utf8(&raw[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        raw = &raw[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(raw.get(..size)?);
        raw = raw.get(size + 2..)?;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
