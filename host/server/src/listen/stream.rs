//! A TCP stream with the gate for requests, and with time-outs for a request's head and for bytes that
//! the client does not read.
//!
//! hyper's own header time-out starts when a connection becomes idle, so it cannot distinguish a
//! slow head from an idle client. This stream can.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_io_timeout::TimeoutStream;

use super::Limits;
use super::gate::Gate;
use crate::buffered::Account;
use crate::wire::Refusal;

/// How long the client of a refused request may go on sending.
const LINGER: Duration = Duration::from_secs(1);

/// The requests of a connection. Shared by the stream, the service above it and the port.
#[derive(Debug)]
pub(super) struct Requests {
    begun: AtomicU64,
    ended: AtomicU64,
    /// When the last request ended, or the connection was accepted.
    quiet_since: Mutex<Instant>,
    /// Why the connection's last request is refused.
    refusal: OnceLock<Refusal>,
}

impl Requests {
    pub(super) fn new() -> Requests {
        Requests {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            quiet_since: Mutex::new(Instant::now()),
            refusal: OnceLock::new(),
        }
    }

    /// Counts a request whose head was read. It is in flight until the guard is dropped.
    pub(super) fn begin(self: &Arc<Requests>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Why the gate refused the request that hyper got in place of it.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().copied()
    }

    /// Since when no request is in flight. `None` if one is.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        self.is_idle().then(|| *self.quiet_since.lock())
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        self.begun() == self.ended.load(Ordering::Relaxed)
    }
}

/// A request in flight.
pub(super) struct InFlight(Arc<Requests>);

impl Drop for InFlight {
    fn drop(&mut self) {
        *self.0.quiet_since.lock() = Instant::now();
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A TCP stream with time-outs.
pub(super) struct Stream {
    /// Has the time-out for writes.
    inner: Pin<Box<TimeoutStream<TcpStream>>>,
    requests: Arc<Requests>,
    account: Arc<Account>,
    gate: Gate,
    /// What the gate let through and hyper has not read.
    passed: Bytes,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// When the head that is not complete began.
    since: Option<Instant>,
    /// Whether the answer to a refused request was sent.
    lingers: bool,
    alarm: Pin<Box<Sleep>>,
}

impl Stream {
    pub(super) fn new(
        stream: TcpStream,
        requests: Arc<Requests>,
        account: Arc<Account>,
        limits: &Limits,
    ) -> Stream {
        let mut inner = TimeoutStream::new(stream);
        inner.set_write_timeout(Some(limits.write_timeout));
        let now = Instant::now();
        Stream {
            inner: Box::pin(inner),
            requests,
            account,
            gate: Gate::new(limits.header_bytes),
            passed: Bytes::new(),
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            lingers: false,
            // A client that connects and sends nothing gets the time of a slow head.
            since: Some(now),
            alarm: Box::pin(sleep_until(now + limits.header_timeout)),
        }
    }

    /// Passes what arrived through the gate. Afterwards `buf` has what may go on.
    fn arrived(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let was_within_head = self.gate.is_within_head();
        let passed = self.gate.pass(&buf.filled()[before..]);
        buf.set_filled(before + passed.direct);
        self.passed = passed.then;
        if let Some(refusal) = passed.refusal {
            // The gate refuses one request at most.
            let _ = self.requests.refusal.set(refusal);
        }
        if !self.gate.is_within_head() {
            self.since = None;
        } else if !was_within_head || passed.direct > 0 || !self.passed.is_empty() {
            // The time of the first head began when the client connected.
            let now = Instant::now();
            self.since = Some(match self.requests.begun() {
                0 => self.since.unwrap_or(now),
                _ => now,
            });
        }
    }

    /// When waiting for more bytes must end. `None` if something else bounds the wait.
    fn deadline(&self) -> Option<Instant> {
        if !self.gate.is_http_2() {
            return Some(self.since? + self.header_timeout);
        }
        // Frames that belong to no request, such as PING, do not count.
        let quiet = self.requests.quiet_since()?;
        let since = match self.account.is_empty() {
            true => quiet,
            false => Instant::now(),
        };
        Some(since + self.idle_timeout)
    }

    /// Moves to `buf` what the gate let through.
    fn take_passed(&mut self, buf: &mut ReadBuf<'_>) {
        let size = self.passed.len().min(buf.remaining());
        buf.put_slice(&self.passed.split_to(size));
    }
}

impl Drop for Stream {
    /// If the connection was aborted, the kernel drops what the client has not read.
    fn drop(&mut self) {
        if self.account.is_aborted() {
            let _ = self.inner.get_ref().set_zero_linger();
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
        loop {
            if !self.passed.is_empty() {
                self.take_passed(buf);
                return Poll::Ready(Ok(()));
            }
            let is_closed = self.gate.is_closed();
            if is_closed && self.requests.refusal().is_none() {
                return Poll::Ready(Ok(()));
            }
            let polled = self.inner.as_mut().poll_read(cx, buf);
            match polled {
                Poll::Ready(Ok(())) if buf.filled().len() > before => {
                    if is_closed {
                        // Read and dropped: the kernel would reset a connection that is closed
                        // with unread bytes, and the client might miss the problem.
                        buf.set_filled(before);
                        continue;
                    }
                    self.arrived(buf, before);
                    if buf.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                }
                // hyper would give up the answer to a client that sends nothing more.
                Poll::Ready(Ok(())) if is_closed => return Poll::Pending,
                Poll::Ready(other) => return Poll::Ready(other),
                Poll::Pending => break,
            }
        }
        let Some(deadline) = self.deadline() else {
            return Poll::Pending;
        };
        if self.alarm.deadline() != deadline {
            self.alarm.as_mut().reset(deadline);
        }
        self.alarm
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
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

    /// After a refusal, this also waits until the client has closed its side, for [`LINGER`] at most:
    /// see `poll_read`.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.lingers {
            ready!(self.inner.as_mut().poll_shutdown(cx))?;
            if self.requests.refusal().is_none() {
                return Poll::Ready(Ok(()));
            }
            self.lingers = true;
            self.alarm.as_mut().reset(Instant::now() + LINGER);
        }
        let mut scratch = [0; 1024];
        loop {
            if self.alarm.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(self.inner.as_mut().poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
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
