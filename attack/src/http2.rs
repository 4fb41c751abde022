//! As much of HTTP/2 (RFC 9113) as attacks need: frames that are written as they are, right or wrong.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::target::{Target, is_time_out};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags of frames.
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// The setting of the window that a new stream has.
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// A connection.
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects, and sends the preface and these settings.
    ///
    /// # Errors
    /// If nobody accepts it.
    pub fn open(target: &Target, settings: &[(u16, u32)]) -> io::Result<Self> {
        let stream = target.connect()?;
        let received = Vec::new();
        let mut client = Self { stream, received };
        let values = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat());
        let settings = frame(SETTINGS, 0, 0, &values.collect::<Vec<_>>());
        client.write(&[PREFACE, &settings].concat())?;
        Ok(client)
    }

    /// Sends frames.
    ///
    /// # Errors
    /// If the host has closed the connection, or takes no more bytes.
    pub fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames)
    }

    /// Throws away what has arrived.
    ///
    /// # Errors
    /// If the host has closed the connection.
    pub fn discard(&mut self) -> io::Result<()> {
        self.receive()?;
        self.received.clear();
        Ok(())
    }

    /// Returns the streams whose heads have arrived, each with whether its status is 200, and throws away
    /// everything else.
    ///
    /// # Errors
    /// If the host has closed the connection.
    pub fn heads(&mut self) -> io::Result<Vec<(u32, bool)>> {
        self.receive()?;
        let mut heads = Vec::new();
        while let Some(head) = self.received.first_chunk::<9>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, stream) = (head[3], [head[5], head[6], head[7], head[8]]);
            let Some(payload) = self.received.get(9..9 + length) else {
                break;
            };
            if kind == HEADERS {
                // 0x88 is `:status: 200`, after a new size of the table of fields if there is one.
                let field = payload.iter().find(|byte| **byte >> 5 != 1);
                heads.push((u32::from_be_bytes(stream), field == Some(&0x88)));
            }
            self.received.drain(..9 + length);
        }
        Ok(heads)
    }

    fn receive(&mut self) -> io::Result<()> {
        self.stream
            .set_read_timeout(Some(Duration::from_millis(1)))?;
        let mut buffer = [0; 1 << 14];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(some) => self.received.extend(&buffer[..some]),
                Err(error) if is_time_out(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Returns the bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Returns the fields of a request (RFC 7541), each as a literal that the other end does not keep.
pub fn fields(method: &str, path: &str) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", path),
    ];
    let literal = |(name, value)| [&[0][..], &string(name), &string(value)].concat();
    fields.into_iter().flat_map(literal).collect()
}

/// Returns a string without Huffman coding.
pub fn string(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.len();
    if rest < 127 {
        bytes.push(rest as u8);
    } else {
        bytes.push(127);
        rest -= 127;
        while rest >= 128 {
            bytes.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        bytes.push(rest as u8);
    }
    bytes.extend(text.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_begins_with_its_length() {
        let ping = frame(PING, 0, 0, &[7; 8]);
        assert_eq!(ping[..9], [0, 0, 8, 6, 0, 0, 0, 0, 0]);
        assert_eq!(ping[9..], [7; 8]);
    }

    #[test]
    fn long_strings_have_long_lengths() {
        assert_eq!(string("ab"), [2, b'a', b'b']);
        // The example C.1.2 of RFC 7541 with a prefix of 7 bits: 1337 = 127 + 1210.
        assert_eq!(string(&"x".repeat(1337))[..3], [127, 128 + 58, 9]);
    }
}
