//! One client on one connection that stays open: what it times is the answer, not the way there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Longer than any deadline of the host's.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(1 << 16, stream);
        Ok(Self { stream, address })
    }

    /// Sends a request, reads the answer to its end and returns its status. A connection that
    /// was idle for too long is made anew.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn send(&mut self, method: &str, path: &str, json: &str) -> Result<u16> {
        match self.ask(method, path, json) {
            Err(_) if method == "GET" => {
                *self = Self::connect(self.address)?;
                self.ask(method, path, json)
            }
            answered => answered,
        }
        .with_context(|| format!("{method} {path}"))
    }

    fn ask(&mut self, method: &str, path: &str, json: &str) -> Result<u16> {
        let (host, length) = (self.address, json.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{json}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).context("a status is missing")?;
        let status = status.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(status)
    }
}
