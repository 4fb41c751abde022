//! Limits the length of the messages that a server sends.
//!
//! The driver reads a whole message before it returns it, and a row is one message. A statement that
//! makes a text of a gigabyte would use as much of the host's memory. So the incoming bytes are
//! watched, and a message whose header says that it is too long ends the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// A stream with a maximum message length.
pub(super) struct LimitedStream {
    stream: Box<dyn TlsStream + Send + Unpin>,
    limit: MessageLimit,
}

/// Follows the messages of a stream.
#[derive(Clone)]
pub(super) struct MessageLimit {
    /// Maximum length of a message, in bytes.
    bytes: u32,
    /// Set when a message is too long.
    exceeded: Arc<AtomicBool>,
    /// The kind and the length of the present message, as far as they have arrived.
    header: [u8; 5],
    /// How many bytes of the header have arrived.
    have: usize,
    /// How many bytes of the message are still to come.
    rest: u32,
}

impl MessageLimit {
    /// Sets `exceeded` when a message is longer than `bytes`.
    pub(super) fn new(bytes: u32, exceeded: Arc<AtomicBool>) -> Self {
        Self {
            bytes,
            exceeded,
            header: [0; 5],
            have: 0,
            rest: 0,
        }
    }

    /// Applies the limit to a stream.
    pub(super) fn apply(self, stream: impl TlsStream + Send + Unpin + 'static) -> LimitedStream {
        LimitedStream {
            stream: Box::new(stream),
            limit: self,
        }
    }

    /// Follows incoming bytes.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skipped = bytes.len().min(self.rest as usize);
                self.rest -= skipped as u32;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if self.have < self.header.len() {
                continue;
            }
            self.have = 0;
            let [_, length @ ..] = self.header;
            // The length includes its own four bytes.
            self.rest = u32::from_be_bytes(length).saturating_sub(4);
            if self.rest > self.bytes {
                self.exceeded.store(true, Relaxed);
                return Err(io::Error::other("a message is longer than allowed"));
            }
        }
        Ok(())
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.limit.follow(&buf.filled()[before..]))
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl TlsStream for LimitedStream {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32) -> Vec<u8> {
        let mut bytes = vec![b'D'];
        bytes.extend((length + 4).to_be_bytes());
        bytes.resize(bytes.len() + length as usize, 7);
        bytes
    }

    #[test]
    fn a_message_may_be_as_long_as_the_limit_however_it_is_split() {
        let bytes: Vec<u8> = [100, 0, 1, 99].map(message).concat();
        for size in [1, 2, 3, 7, 105, 1000] {
            let exceeded = Arc::new(AtomicBool::new(false));
            let mut limit = MessageLimit::new(100, exceeded.clone());
            for part in bytes.chunks(size) {
                limit.follow(part).unwrap();
            }
            assert!(!exceeded.load(Relaxed));
            assert!(limit.follow(&message(101)[..5]).is_err());
            assert!(exceeded.load(Relaxed));
        }
    }
}
