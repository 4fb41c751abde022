//! A connection that does not wait for ever: a head that has begun, and bytes that a client
//! does not take, each have their time.
//!
//! hyper's own header time-out starts when a connection becomes idle, so it cannot tell a slow
//! head from a quiet client; here the two are told apart.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_io_timeout::TimeoutStream;

use super::Limits;

/// How HTTP/2 begins: from then on heads cannot be told from other frames here.
const PREFACE: &[u8] = b"PRI";

/// How far a connection's requests are. Shared by the stream and the service above it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Progress {
    /// A head was read whole. The request is in flight until the guard is dropped.
    pub(super) fn begin(self: &Arc<Progress>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        self.begun() == self.ended.load(Ordering::Relaxed)
    }
}

/// A request in flight.
pub(super) struct InFlight(Arc<Progress>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A TCP stream with those limits.
pub(super) struct Stream {
    /// Bounds the writes.
    inner: Pin<Box<TimeoutStream<TcpStream>>>,
    progress: Arc<Progress>,
    header_timeout: Duration,
    idle_timeout: Duration,
    phase: Phase,
    alarm: Pin<Box<Sleep>>,
}

/// What the bytes that come next belong to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// A head that began then, when so many heads had been read whole.
    Head { since: Instant, begun: u64 },
    /// A body, or nothing yet.
    Between,
    /// HTTP/2. While nothing is in flight: since when the client says nothing.
    Frames { quiet_since: Option<Instant> },
}

impl Stream {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>, limits: &Limits) -> Stream {
        let mut inner = TimeoutStream::new(stream);
        inner.set_write_timeout(Some(limits.write_timeout));
        let since = Instant::now();
        Stream {
            inner: Box::pin(inner),
            progress,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            // A client that connects and stays silent is as slow as one that stops midway.
            phase: Phase::Head { since, begun: 0 },
            alarm: Box::pin(sleep_until(since + limits.header_timeout)),
        }
    }

    fn arrived(&mut self, bytes: &[u8]) {
        let begun = self.progress.begun();
        self.phase = match self.phase {
            Phase::Head { .. } if begun == 0 && bytes.starts_with(PREFACE) => {
                Phase::Frames { quiet_since: None }
            }
            Phase::Frames { .. } => Phase::Frames { quiet_since: None },
            Phase::Head { begun: then, .. } if then == begun => self.phase,
            _ if self.progress.is_idle() => Phase::Head {
                since: Instant::now(),
                begun,
            },
            _ => Phase::Between,
        };
    }

    /// When waiting for more has to end; none where something else bounds it.
    fn deadline(&mut self) -> Option<Instant> {
        match self.phase {
            Phase::Head { since, begun } if begun == self.progress.begun() => {
                Some(since + self.header_timeout)
            }
            Phase::Frames { quiet_since } if self.progress.is_idle() => {
                let since = quiet_since.unwrap_or_else(Instant::now);
                self.phase = Phase::Frames {
                    quiet_since: Some(since),
                };
                Some(since + self.idle_timeout)
            }
            Phase::Frames { .. } => {
                self.phase = Phase::Frames { quiet_since: None };
                None
            }
            Phase::Head { .. } | Phase::Between => {
                self.phase = Phase::Between;
                None
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = self.inner.as_mut().poll_read(cx, buf);
        if polled.is_ready() {
            let bytes = &buf.filled()[before..];
            if !bytes.is_empty() {
                self.arrived(bytes);
            }
            return polled;
        }
        let Some(deadline) = self.deadline() else {
            return Poll::Pending;
        };
        if self.alarm.deadline() != deadline {
            self.alarm.as_mut().reset(deadline);
        }
        match self.alarm.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner.as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
