//! A blocking HTTP/1.1 client that hides nothing.
//!
//! A library would decompress, follow redirects, retry and normalise headers; the tests assert exactly
//! those things. A [`Request`] has a connection of its own, and its answer is read to the end of that
//! connection. A [`Connection`] stays open for one request after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Limit for a single read or write, so that nothing hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that is being built.
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
    /// Begins a request. The `target` is sent as it is, so it must be percent-encoded.
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

    /// Does not ask the host to close the connection.
    pub fn kept_alive(mut self) -> Self {
        self.keeps_alive = true;
        self
    }

    /// Limits how long the connection and a read of the answer may wait. Default: 30 s.
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
    ///
    /// # Panics
    /// If there is no whole answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.target);
        self.try_send()
            .unwrap_or_else(|error| panic!("{what} got no answer: {error}"))
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    /// If there is no whole answer, for example because the host ends.
    pub fn try_send(self) -> io::Result<Answer> {
        let head_only = self.method == "HEAD";
        Answer::read(&mut self.open()?, head_only)
    }

    /// Sends the request and leaves its answer unread on the connection.
    ///
    /// # Errors
    /// If nobody listens, or the connection fails.
    pub fn open(self) -> io::Result<TcpStream> {
        let mut stream = connect_within(self.address, self.patience)?;
        self.write_to(&mut stream)?;
        Ok(stream)
    }

    /// Sends the request on an open connection and reads its answer, which must state its length.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub fn send_on(self, stream: &mut TcpStream) -> io::Result<Answer> {
        self.write_to(stream)?;
        Answer::read_one(&mut BufReader::new(stream))
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
        // The host may answer and close the connection before it has read a body that it refuses.
        match stream.write_all(&message) {
            Err(error) if !is_hang_up(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Opens a plain connection whose reads and writes cannot hang.
///
/// # Errors
/// If nobody listens.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    connect_within(address, PATIENCE)
}

/// Opens a plain connection. Connecting and each read and write may wait that long.
///
/// # Errors
/// If nobody accepts it.
pub fn connect_within(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether the host at an address says that it is ready.
pub fn is_ready(address: SocketAddr) -> bool {
    let asked = Request::new(address, "GET", "/readyz").try_send();
    asked.is_ok_and(|answer| answer.status == 200)
}

/// A connection that stays open for one request after the other.
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = BufReader::with_capacity(1 << 16, connect(address)?);
        Ok(Self { stream, address })
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn get(&mut self, target: &str) -> io::Result<Answer> {
        self.send("GET", target, "")
    }

    /// Sends a POST request with a JSON body.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn post(&mut self, target: &str, json: &str) -> io::Result<Answer> {
        self.send("POST", target, json)
    }

    /// Sends a request with a JSON body, or without a body if the text is empty. A GET request on a
    /// connection that was idle for too long is sent again on a new one.
    ///
    /// # Errors
    /// If there is no whole answer that states its length.
    pub fn send(&mut self, method: &str, target: &str, json: &str) -> io::Result<Answer> {
        match self.send_once(method, target, json) {
            Err(_) if method == "GET" => {
                *self = Self::open(self.address)?;
                self.send_once(method, target, json)
            }
            answered => answered,
        }
    }

    fn send_once(&mut self, method: &str, target: &str, json: &str) -> io::Result<Answer> {
        let mut request = Request::new(self.address, method, target).kept_alive();
        if !json.is_empty() {
            request = request.body("application/json", json);
        }
        request.write_to(self.stream.get_mut())?;
        Answer::read_one(&mut self.stream)
    }
}

/// An answer as it came over the wire, only without the chunked encoding.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers in the order received, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer from a connection that ends after it.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub fn read(stream: &mut TcpStream, head_only: bool) -> io::Result<Self> {
        let mut raw = Vec::new();
        if let Err(error) = stream.read_to_end(&mut raw) {
            // A reset after a whole answer is how the host refuses the rest of a body.
            if error.kind() != io::ErrorKind::ConnectionReset || raw.is_empty() {
                return Err(error);
            }
        }
        Self::parse(&raw, head_only)
    }

    /// Reads one answer from a connection that stays open.
    fn read_one(stream: &mut impl BufRead) -> io::Result<Self> {
        let mut raw = Vec::new();
        while !raw.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut raw)? == 0 {
                return Err(incomplete("the head ends early"));
            }
        }
        let head = Self::parse(&raw, true)?;
        let length = head.header("content-length");
        let length = length.and_then(|length| length.parse::<u64>().ok());
        match length {
            Some(length) => stream.take(length).read_to_end(&mut raw)?,
            None if matches!(head.status, 204 | 304) => 0,
            None => return Err(incomplete("the answer has no length")),
        };
        Self::parse(&raw, false)
    }

    /// Parses the bytes of one whole answer.
    ///
    /// # Errors
    /// If the answer ends early.
    pub fn parse(raw: &[u8], head_only: bool) -> io::Result<Self> {
        let end = find(raw, b"\r\n\r\n").ok_or_else(|| incomplete("the head ends early"))?;
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| incomplete("the first line has no status"))?;
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

    /// Returns the first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the first header of that lower-case name, and panics if there is none.
    #[track_caller]
    pub fn expect_header(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no header {name} in {self}"))
    }

    /// Returns the body as JSON, and panics if it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {self}"))
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Asserts the status and returns the answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Asserts a problem (RFC 9457) of that status and code, and returns it.
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

    /// Asserts a problem as [`Answer::problem`] does, and the pointers of its errors in any order.
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

/// Percent-encodes every byte that is not unreserved (RFC 3986).
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

fn incomplete(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> io::Result<Answer> {
        Answer::read_one(&mut raw.as_bytes())
    }

    #[test]
    fn an_answer_has_a_status_headers_and_a_body() {
        let answer = Answer::parse(
            b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
            false,
        );
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (201, "{}"));
        assert_eq!(answer.header("content-length"), Some("2"));
    }

    #[test]
    fn an_answer_that_ends_early_is_an_error() {
        for raw in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(Answer::parse(raw.as_bytes(), false).is_err());
            assert!(read(raw).is_err());
        }
    }

    #[test]
    fn an_answer_on_an_open_connection_ends_after_its_length() {
        let mut stream = &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 204\r\n\r\n"[..];
        assert_eq!(Answer::read_one(&mut stream).unwrap().text(), "{}");
        assert_eq!(Answer::read_one(&mut stream).unwrap().status, 204);
        assert!(read("HTTP/1.1 200 OK\r\n\r\n{}").is_err());
    }

    #[test]
    fn chunks_are_joined() {
        let raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert_eq!(Answer::parse(raw, false).unwrap().body, b"{}");
    }
}
