//! Bytes that the host keeps for clients: one budget for a port, and a share of it for each
//! connection.
//!
//! A request's body counts while it arrives and until the request ends. An answer counts from when
//! the host has all of it until its last byte was passed to the kernel, which is when its memory is
//! freed; its pieces share one buffer. Of an answer without a known size, such as an event stream,
//! the pieces count that were produced and not yet passed on.
//!
//! If bytes do not fit into the budget, the host closes the connections that use it up: first those
//! whose clients neither read nor send, then those with more bytes than the connection that asks. If
//! that does not help, the request fails. Only an answer that tells of a change is always sent.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::problem::Problem;
use super::trace::Context;
use telemetry::metrics::Metrics;

/// An answer is passed on in pieces of this size, and a client that reads fewer bytes than this
/// within the write time-out has stopped reading.
pub(super) const PIECE_BYTES: usize = 16 * 1024;

/// The memory of a gzip compressor, which lives as long as the answer that it compresses.
const COMPRESSOR_BYTES: usize = 320 * 1024;

/// If the budget is used up, a client that has neither read nor sent a piece for this long is one
/// whose connection is closed first.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the problem and the metric are called.
const LIMIT: &str = "buffered-bytes";

/// The budget of a port. Clones share it.
#[derive(Clone)]
pub(super) struct Budget(Arc<Shared>);

struct Shared {
    limit: usize,
    /// The most that the answers of one connection may take, if there is more than one.
    of_connection: usize,
    metrics: Option<Arc<Metrics>>,
    ids: AtomicU64,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    /// By the account's id. Only connections with bytes.
    accounts: HashMap<u64, Held>,
}

/// What the host keeps for one connection.
struct Held {
    bytes: usize,
    /// How many of them are of answers.
    of_answers: usize,
    /// When the client last read or sent a piece.
    moved: Instant,
    account: Arc<Account>,
}

impl Budget {
    pub(super) fn new(limit: usize, of_connection: usize, metrics: Option<Arc<Metrics>>) -> Budget {
        Budget(Arc::new(Shared {
            limit,
            of_connection,
            metrics,
            ids: AtomicU64::new(0),
            taken: Mutex::default(),
        }))
    }

    /// Opens the account of a new connection.
    pub(super) fn open(&self) -> Arc<Account> {
        Arc::new(Account {
            id: self.0.ids.fetch_add(1, Ordering::Relaxed),
            budget: self.clone(),
            closed: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            close: Notify::new(),
        })
    }

    fn count(&self, total: usize) {
        if let Some(metrics) = &self.0.metrics {
            metrics.buffered(total);
        }
    }

    fn hit(&self, limit: &'static str) {
        if let Some(metrics) = &self.0.metrics {
            metrics.limit_hit(limit);
        }
    }
}

impl Taken {
    /// The connection to close so that connection `id` may have this many bytes. `None`: no other
    /// connection is worse than that one.
    fn worst(&self, id: u64, bytes: usize) -> Option<u64> {
        let now = Instant::now();
        let others = self.accounts.iter().filter(|(other, _)| **other != id);
        let (stalled, held, worst) = others
            .map(|(id, held)| (now - held.moved >= PATIENCE, held.bytes, *id))
            .max()?;
        (stalled || held > bytes).then_some(worst)
    }
}

/// The bytes of one connection. Held by the connection's task, its requests and its answers.
pub(super) struct Account {
    id: u64,
    budget: Budget,
    closed: AtomicBool,
    aborted: AtomicBool,
    close: Notify,
}

/// What bytes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Request,
    Answer,
}

impl Account {
    /// Counts bytes. If they do not fit and the client must be told of a change (`owed`), they are
    /// counted all the same.
    fn add(self: &Arc<Self>, bytes: usize, of: Of, owed: bool) -> Result<(), Full> {
        let shared = &*self.budget.0;
        let mut taken = shared.taken.lock();
        if self.is_aborted() {
            return Err(Full::Connection);
        }
        let own = taken.accounts.get(&self.id).map_or(0, |own| own.bytes);
        if own > 0 && own + bytes > shared.of_connection && !owed {
            return Err(Full::Connection);
        }
        // Alone, an answer of any size may be sent.
        while taken.total > 0 && taken.total + bytes > shared.limit {
            let Some(worst) = taken.worst(self.id, own + bytes) else {
                match owed {
                    true => break,
                    false => return Err(Full::Port),
                }
            };
            if let Some(held) = taken.accounts.remove(&worst) {
                taken.total -= held.bytes;
                held.account.abort();
                self.budget.hit(LIMIT);
            }
        }
        taken.total += bytes;
        let held = taken.accounts.entry(self.id).or_insert_with(|| Held {
            bytes: 0,
            of_answers: 0,
            moved: Instant::now(),
            account: self.clone(),
        });
        held.bytes += bytes;
        match of {
            Of::Request => held.moved = Instant::now(),
            Of::Answer if held.of_answers == 0 => {
                held.moved = Instant::now();
                held.of_answers = bytes;
            }
            Of::Answer => held.of_answers += bytes,
        }
        self.budget.count(taken.total);
        Ok(())
    }

    /// Counts an answer's bytes until the returned value is dropped.
    fn answer(self: &Arc<Self>, bytes: usize, owed: bool) -> Result<Reserved, Full> {
        self.add(bytes, Of::Answer, owed)?;
        Ok(Reserved {
            account: self.clone(),
            bytes,
            of: Of::Answer,
        })
    }

    /// Begins to count a request's body.
    pub(super) fn request(self: &Arc<Self>) -> Reserved {
        Reserved {
            account: self.clone(),
            bytes: 0,
            of: Of::Request,
        }
    }

    /// Records that the client has read a piece.
    fn moved(&self) {
        let mut taken = self.budget.0.taken.lock();
        if let Some(held) = taken.accounts.get_mut(&self.id) {
            held.moved = Instant::now();
        }
    }

    /// Asks the connection's task to close the connection.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.close.notify_one();
    }

    /// Whether the connection is being closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
        self.close();
    }

    /// Whether the connection is being closed because of the bytes that are kept for it.
    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Relaxed)
    }

    /// Whether bytes are kept for the connection.
    pub(super) fn is_empty(&self) -> bool {
        let taken = self.budget.0.taken.lock();
        !taken.accounts.contains_key(&self.id)
    }

    /// Waits until the connection must be closed: because the host needs its bytes or its place, or
    /// because its client has not read a piece for `patience`.
    pub(super) async fn until_closed(&self, patience: Duration) {
        tokio::select! {
            () = self.close.notified() => {}
            () = self.until_stalled(patience) => {
                self.budget.hit("write-timeout");
                self.abort();
            }
        }
    }

    async fn until_stalled(&self, patience: Duration) {
        loop {
            let moved = {
                let taken = self.budget.0.taken.lock();
                let held = taken.accounts.get(&self.id);
                held.filter(|held| held.of_answers > 0)
                    .map(|held| held.moved)
            };
            let now = Instant::now();
            match moved {
                Some(moved) if moved + patience <= now => return,
                Some(moved) => sleep_until(moved + patience).await,
                None => sleep_until(now + patience).await,
            }
        }
    }
}

/// Bytes of a budget, until this is dropped.
pub(super) struct Reserved {
    account: Arc<Account>,
    bytes: usize,
    of: Of,
}

impl Reserved {
    /// Counts further bytes of a request's body.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        self.account.add(bytes, self.of, false).inspect_err(|_| {
            self.account.budget.hit(LIMIT);
        })?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let budget = &self.account.budget;
        let mut taken = budget.0.taken.lock();
        // The bytes of a closed connection were given back when it was closed.
        let Some(held) = taken.accounts.get_mut(&self.account.id) else {
            return;
        };
        held.bytes -= self.bytes;
        if self.of == Of::Answer {
            held.of_answers -= self.bytes;
            held.moved = Instant::now();
        }
        if held.bytes == 0 {
            taken.accounts.remove(&self.account.id);
        }
        taken.total -= self.bytes;
        budget.count(taken.total);
    }
}

/// Why bytes do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The connection's share is used up.
    Connection,
    /// The port's budget is used up.
    Port,
}

impl From<Full> for Problem {
    fn from(full: Full) -> Problem {
        match full {
            Full::Connection => Problem::connection_buffers_full(),
            Full::Port => Problem::buffers_full(),
        }
    }
}

/// How an answer is counted already.
#[derive(Debug, Clone, Copy)]
enum Counted {
    Whole,
    Pieces,
}

/// The layer that counts answers below the compression, which keeps the original answer while it
/// compresses.
pub(super) async fn count(
    Extension(context): Extension<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let counter = Counter::of(&request);
    let response = next.run(request).await;
    counter.count(response, &context.request_id)
}

/// Counts the answer to a request.
pub(super) struct Counter {
    /// Only tests have requests without a connection.
    account: Option<Arc<Account>>,
    /// Whether the client must get the answer, because the request may have changed something.
    owed: bool,
}

impl Counter {
    pub(super) fn of(request: &Request) -> Counter {
        Counter {
            account: request.extensions().get().cloned(),
            owed: !matches!(*request.method(), Method::GET | Method::HEAD),
        }
    }

    /// Counts what was not counted at a lower layer. If the answer does not fit, returns a problem.
    pub(super) fn count(self, mut response: Response, request_id: &str) -> Response {
        let Counter { account, owed } = self;
        let Some(account) = account else {
            return response;
        };
        let counted = response.extensions().get::<Counted>().copied();
        match (response.body().size_hint().exact(), counted) {
            (Some(0), _) | (Some(_), Some(_)) | (None, Some(Counted::Pieces)) => response,
            (Some(bytes), None) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                // A file's readers share its buffer, which is there without them, too.
                let bytes = match response.extensions_mut().remove::<SharedBuffer>() {
                    Some(SharedBuffer) => bytes.min(PIECE_BYTES),
                    None => bytes,
                };
                let reserved = match account.answer(bytes, owed) {
                    Ok(reserved) => Arc::new(reserved),
                    Err(full) => {
                        account.budget.hit(LIMIT);
                        return Problem::from(full).respond(request_id);
                    }
                };
                response.extensions_mut().insert(Counted::Whole);
                response.map(|inner| {
                    Body::new(Whole {
                        inner,
                        rest: Bytes::new(),
                        reserved,
                    })
                })
            }
            (None, counted) => {
                let compressor = match counted {
                    Some(Counted::Whole) => account.answer(COMPRESSOR_BYTES, true).ok(),
                    _ => None,
                };
                response.extensions_mut().insert(Counted::Pieces);
                response.map(|inner| {
                    Body::new(Pieces {
                        inner,
                        account,
                        _compressor: compressor,
                    })
                })
            }
        }
    }
}

/// Marks a response whose body is kept in memory whether or not it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedBuffer;

/// A body whose size is known. It is reserved until the last piece of it is freed.
struct Whole {
    inner: Body,
    /// What is left of the last frame.
    rest: Bytes,
    reserved: Arc<Reserved>,
}

/// A buffer and the bytes that are reserved for it.
struct Owned<R> {
    buffer: Bytes,
    _reserved: R,
}

impl<R> AsRef<[u8]> for Owned<R> {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

/// A buffer that keeps bytes reserved until it is freed.
pub(super) fn owned<R: Send + 'static>(buffer: Bytes, reserved: R) -> Bytes {
    Bytes::from_owner(Owned {
        buffer,
        _reserved: reserved,
    })
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut this.inner).poll_frame(task)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(buffer) => this.rest = owned(buffer, this.reserved.clone()),
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        } else {
            // The connection asks for the next piece when it has passed on the ones before.
            this.reserved.account.moved();
        }
        let size = this.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

/// A body whose size is not known. Each piece is reserved until it is freed.
struct Pieces {
    inner: Body,
    account: Arc<Account>,
    _compressor: Option<Reserved>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(task));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|buffer| match this.account.answer(buffer.len(), true) {
                    Ok(reserved) => owned(buffer, reserved),
                    Err(_) => buffer,
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
