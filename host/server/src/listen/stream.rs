//! A TCP stream with time-outs for a request's head and for bytes that the client does not read.
//!
//! hyper's own header time-out starts when a connection becomes idle, so it cannot distinguish a
//! slow head from an idle client. This stream can.

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

/// The first bytes of HTTP/2. After them, this stream cannot distinguish heads from other frames.
const PREFACE: &[u8] = b"PRI";

/// Counts a connection's requests. Shared by the stream and the service above it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Progress {
    /// Counts a request whose head was read. It is in flight until the guard is dropped.
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

/// A TCP stream with time-outs.
pub(super) struct Stream {
    /// Has the time-out for writes.
    inner: Pin<Box<TimeoutStream<TcpStream>>>,
    progress: Arc<Progress>,
    header_timeout: Duration,
    idle_timeout: Duration,
    phase: Phase,
    alarm: Pin<Box<Sleep>>,
}

/// What the next bytes belong to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// A head. It began at `since`, when `begun` heads had been read completely.
    Head { since: Instant, begun: u64 },
    /// A body, or an idle connection.
    Between,
    /// HTTP/2. `quiet_since` is set while no request is in flight and the client sends nothing.
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
            // A client that connects and sends nothing gets the time of a slow head.
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

    /// When waiting for more bytes must end. `None` if something else bounds the wait.
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
