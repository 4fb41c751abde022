//! A small HTTP server that stands in for services that the host calls: a trace collector, an OCI
//! registry.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A request that the server received.
pub struct Received {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers, with names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the server answers.
#[derive(Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, without `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An empty reply of that status.
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            ..Reply::default()
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = body.into();
        self
    }
}

/// Answers requests on a free port of 127.0.0.1 until the process ends, each connection in a thread.
///
/// # Panics
/// If no port is free.
pub fn serve(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the port");
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                let mut connection = Connection {
                    stream,
                    unread: Vec::new(),
                };
                while let Some(received) = connection.next() {
                    let reply = answer(&received);
                    if !connection.send(&received, &reply) {
                        break;
                    }
                }
            });
        }
    });
    address
}

struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// Reads the next request. `None` if the client has closed the connection.
    fn next(&mut self) -> Option<Received> {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more()?;
        };
        let head = String::from_utf8(self.take(end)).ok()?;
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let body = match headers.get("content-length") {
            Some(length) => {
                let length = length.parse().ok()?;
                while self.unread.len() < length {
                    self.more()?;
                }
                self.take(length)
            }
            None if headers.contains_key("transfer-encoding") => self.chunks()?,
            None => Vec::new(),
        };
        Some(Received {
            method,
            target,
            headers,
            body,
        })
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                    break end;
                }
                self.more()?;
            };
            let line = String::from_utf8(self.take(end + 2)).ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            while self.unread.len() < length + 2 {
                self.more()?;
            }
            body.extend(self.take(length));
            self.take(2);
            if length == 0 {
                return Some(body);
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 16 << 10];
        let count = self
            .stream
            .read(&mut bytes)
            .ok()
            .filter(|count| *count > 0)?;
        self.unread.extend_from_slice(&bytes[..count]);
        Some(())
    }

    fn send(&mut self, received: &Received, reply: &Reply) -> bool {
        let mut message = format!("HTTP/1.1 {} Reply\r\n", reply.status);
        for (name, value) in &reply.headers {
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        message.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
        let mut message = message.into_bytes();
        if received.method != "HEAD" {
            message.extend(&reply.body);
        }
        self.stream.write_all(&message).is_ok()
    }
}
