//! A client for server-sent events that reads one message at a time.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::Host;

/// An open event stream.
pub struct Follower {
    lines: BufReader<TcpStream>,
    /// The id that the stream began with.
    pub begin: String,
}

/// One event.
#[derive(Debug)]
pub struct Message {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

impl Follower {
    /// Opens a stream and reads up to its first id. The stream delivers every later event.
    #[track_caller]
    pub fn begin(host: &Host, target: &str, last: Option<&str>) -> Self {
        let mut request = host.request("GET", target);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let stream = request.open().expect("a connection");
        let mut follower = Self {
            lines: BufReader::new(stream),
            begin: String::new(),
        };
        let status = follower.line().expect("a status");
        assert!(status.starts_with("HTTP/1.1 200 "), "{status}");
        while !follower.line().expect("headers").is_empty() {}
        follower.begin = follower.message().expect("a beginning").id;
        follower
    }

    /// Waits for the next event and returns it.
    #[track_caller]
    pub fn event(&mut self) -> Message {
        loop {
            let message = self.message().expect("the stream continues");
            if !message.kind.is_empty() {
                return message;
            }
        }
    }

    /// Asserts that the stream ends without another message.
    #[track_caller]
    pub fn ends(&mut self) {
        let more = self.message();
        assert!(more.is_none(), "{more:?}");
    }

    fn message(&mut self) -> Option<Message> {
        let mut message = Message {
            id: String::new(),
            kind: String::new(),
            data: Value::Null,
        };
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", id)) => message.id = id.to_owned(),
                Some(("event", kind)) => message.kind = kind.to_owned(),
                Some(("data", data)) => {
                    message.data = serde_json::from_str(data).expect("JSON");
                }
                None if line.is_empty() && !message.id.is_empty() => return Some(message),
                // Lines that are not part of a message, such as the lengths of chunks.
                _ => {}
            }
        }
    }

    /// Returns the next line without its line ending, or `None` at the end of the stream.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) => panic!("no line arrived: {error}"),
        }
    }
}
