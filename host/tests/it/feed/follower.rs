//! A client of server-sent events that reads message by message.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::Host;

/// An open stream.
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
    /// Opens a stream and reads up to its first id: from then on nothing is missed.
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

    /// The next event.
    #[track_caller]
    pub fn event(&mut self) -> Message {
        loop {
            let message = self.message().expect("the stream goes on");
            if !message.kind.is_empty() {
                return message;
            }
        }
    }

    /// Asserts that the stream is over.
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
                // The lengths of chunks, and what else no message is made of.
                _ => {}
            }
        }
    }

    /// A line without its end; none where there is no more.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}
