//! One HTTP request at a time, on a connection of its own: to fill, to compare, to ask for
//! readiness. What is measured goes through wrk.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer: its status and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Reads a path.
///
/// # Errors
/// Where there is no answer.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    send(address, "GET", path, "")
}

/// A connection that is kept for one request after the other.
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream: BufReader::new(stream),
            host: address.to_string(),
        })
    }

    /// Reads a path.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "")
    }

    /// Sends JSON to a path.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn post(&mut self, path: &str, json: &str) -> Result<Answer> {
        self.send("POST", path, json)
    }

    fn send(&mut self, method: &str, path: &str, json: &str) -> Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n{json}",
            self.host,
            entity(json)
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(
                self.stream.read_line(&mut head)? > 0,
                "the answer ends in its head"
            );
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim())
        });
        let length: u64 = length.context("the answer has no length")?.parse()?;
        let mut answer = head;
        (&mut self.stream)
            .take(length)
            .read_to_string(&mut answer)?;
        parse(&answer).with_context(|| format!("{method} {path}"))
    }
}

/// The headers that a body has.
fn entity(json: &str) -> String {
    match json.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    }
}

/// Sends JSON to a path; none where it is empty.
///
/// # Errors
/// Where there is no answer.
pub fn send(address: SocketAddr, method: &str, path: &str, json: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let entity = entity(json);
    // Joined first: a second small write would wait for the acknowledgement of the first.
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{entity}\r\n{json}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).with_context(|| format!("{method} {path}"))
}

fn parse(answer: &str) -> Result<Answer> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer ends in its head")?;
    let status = head.split(' ').nth(1).context("a status is missing")?;
    let status = status.parse().context("the status is no number")?;
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value.trim().parse()?;
            ensure!(body.len() == length, "the answer was cut off");
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the answer comes in chunks, which are not read here");
        }
    }
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = parse("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (201, "{}"));
    }

    #[test]
    fn an_answer_that_was_cut_off_is_none() {
        assert!(parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}").is_err());
        assert!(parse("HTTP/1.1 200 OK\r\n").is_err());
    }
}
