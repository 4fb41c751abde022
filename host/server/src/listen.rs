//! Accepts connections, serves HTTP/1.1 and HTTP/2 (with prior knowledge) on them, and drains them
//! at the end.
//!
//! A drain has these steps: turn readiness off; serve during the drain delay, and close each
//! connection with its next answer; stop accepting; wait up to the drain time-out for requests in
//! flight; close the remaining connections. A second signal skips to the last step.
//!
//! Slow clients are disconnected in four places: `stream` bounds the time for a request's head, hyper
//! bounds the time between requests, `body` bounds the time for a body, and `buffered` bounds the time
//! and the memory of clients that do not read. `gate` refuses what is not valid HTTP/1.

mod gate;
mod stream;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, Request, Version};
use futures_util::FutureExt as _;
use futures_util::future::FusedFuture;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::ServiceExt;
use tracing::{debug, info, warn};

use self::stream::{Requests, Stream};
use super::app::Readiness;
use super::buffered::{Account, Budget, PIECE_BYTES};
use super::client::Peer;
use super::config::Config;
use super::wire;
use telemetry::metrics::Metrics;

/// Open streams of one HTTP/2 connection.
const MAX_STREAMS: u32 = 32;

/// How much hyper collects before it writes, in bytes: several pieces of an answer.
const WRITE_BYTES: usize = 4 * PIECE_BYTES;

/// How much of its answers the kernel keeps for a client that reads slowly, in bytes. The kernel
/// would otherwise keep up to some MiB for each.
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// How long a connection is idle before it may be closed for another one.
const LEAST_IDLE: Duration = Duration::from_secs(1);

/// How long idle connections have to close, if the drain must end at once.
const HURRIED_DRAIN: Duration = Duration::from_millis(100);

/// How long a connection that was accepted at the end of the drain delay may take to send its
/// request. Its client has not noticed the drain, and may not be able to send the request again.
const FIRST_REQUEST: Duration = Duration::from_millis(200);

/// The pause after the kernel could not accept a connection, such as without file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits of a port. See [`Config`] for their meaning.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `--max-connections`
    pub connections: usize,
    /// `--buffer-limit`
    pub buffer_bytes: usize,
    /// `--connection-buffer-limit`
    pub connection_buffer_bytes: usize,
    /// `--max-header-bytes`
    pub header_bytes: usize,
    /// `--header-timeout`
    pub header_timeout: Duration,
    /// `--idle-timeout`
    pub idle_timeout: Duration,
    /// `--write-timeout`
    pub write_timeout: Duration,
    /// `--drain-delay`
    pub drain_delay: Duration,
    /// `--drain-timeout`
    pub drain_timeout: Duration,
}

impl From<&Config> for Limits {
    fn from(config: &Config) -> Limits {
        Limits {
            connections: config.max_connections.get() as usize,
            buffer_bytes: config.buffer_limit.0,
            connection_buffer_bytes: config.connection_buffer_limit.0,
            header_bytes: config.max_header_bytes.0,
            header_timeout: config.header_timeout,
            idle_timeout: config.idle_timeout,
            write_timeout: config.write_timeout,
            drain_delay: config.drain_delay,
            drain_timeout: config.drain_timeout,
        }
    }
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that still had a request in flight at the end of the drain and were closed.
    pub connections_cut: usize,
}

/// Serves the router until `shutdown` completes, then drains. If `hurry` completes, the drain ends at
/// once. `metrics` count the open connections.
///
/// Dropping the future closes every connection at once.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    readiness: Readiness,
    metrics: Option<Arc<Metrics>>,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) -> Drained {
    let mut hurry = pin!(hurry.fuse());
    // Connections inherit this.
    if let Err(failure) = SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER_BYTES) {
        debug!("cannot set SO_SNDBUF: {failure}");
    }
    let mut port = Port::new(router, limits, readiness, metrics);
    tokio::select! {
        () = port.accept(&listener) => {}
        () = shutdown => {}
    }
    port.readiness.withdraw();
    let until = Instant::now() + port.limits.drain_delay;
    let delay_ms = port.limits.drain_delay.as_millis() as u64;
    info!(
        drain.delay_ms = delay_ms,
        "readiness is off; the drain begins"
    );
    tokio::select! {
        () = port.accept(&listener) => {}
        () = sleep_until(until) => {}
        () = &mut hurry => {}
    }
    port.accept_pending(&listener);
    drop(listener);
    port.readiness.close();
    if !hurry.is_terminated() && port.limits.drain_delay > Duration::ZERO {
        tokio::select! {
            _ = timeout(FIRST_REQUEST, port.empty()) => {}
            () = &mut hurry => {}
        }
    }
    port.drain(hurry).await
}

struct Port {
    router: Router,
    builder: Builder<TokioExecutor>,
    budget: Budget,
    /// One permit for each connection, held by its task.
    slots: Arc<Semaphore>,
    graceful: GracefulShutdown,
    /// Owns the task of each connection until it ends.
    connections: JoinSet<()>,
    /// The connection of each of these tasks.
    open: HashMap<Id, Connection>,
    /// A connection that was accepted and waits for a slot.
    next: Option<(TcpStream, SocketAddr)>,
    limits: Limits,
    readiness: Readiness,
    metrics: Option<Arc<Metrics>>,
}

/// What the port knows of a connection.
struct Connection {
    requests: Arc<Requests>,
    account: Arc<Account>,
}

impl Port {
    fn new(
        router: Router,
        limits: Limits,
        readiness: Readiness,
        metrics: Option<Arc<Metrics>>,
    ) -> Port {
        let budget = Budget::new(
            limits.buffer_bytes,
            limits.connection_buffer_bytes,
            metrics.clone(),
        );
        Port {
            router,
            builder: builder(&limits),
            budget,
            slots: Arc::new(Semaphore::new(limits.connections)),
            graceful: GracefulShutdown::new(),
            connections: JoinSet::new(),
            open: HashMap::new(),
            next: None,
            limits,
            readiness,
            metrics,
        }
    }

    /// Accepts connections without end.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            let slots = self.slots.clone();
            tokio::select! {
                accepted = listener.accept(), if self.next.is_none() => match accepted {
                    Ok(accepted) => {
                        self.next = Some(accepted);
                        self.close_idle();
                    }
                    Err(failure) if is_connection_error(&failure) => {}
                    Err(failure) => {
                        warn!("cannot accept connections: {failure}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                slot = slots.acquire_owned(), if self.next.is_some() => {
                    let slot = slot.expect("the semaphore is never closed");
                    if let Some((stream, peer)) = self.next.take() {
                        self.spawn(stream, peer, slot);
                    }
                }
                () = sleep(LEAST_IDLE), if self.next.is_some() => self.close_idle(),
                // Frees tasks as they end.
                Some(ended) = self.connections.join_next_with_id() => self.ended(ended),
            }
        }
    }

    /// If every slot is taken, closes the connections that have been idle the longest: some at a
    /// time, so that not every new connection has to look for one.
    fn close_idle(&mut self) {
        if self.slots.available_permits() > 0 {
            return;
        }
        let now = Instant::now();
        let mut idle: Vec<_> = (self.open.values())
            .filter(|connection| !connection.account.is_closed())
            .filter_map(|connection| Some((connection.requests.quiet_since()?, connection)))
            .filter(|(since, _)| now - *since >= LEAST_IDLE)
            .filter(|(_, connection)| connection.account.is_empty())
            .collect();
        idle.sort_by_key(|(since, _)| *since);
        for (_, connection) in idle.iter().take(1 + self.limits.connections / 64) {
            connection.account.close();
            if let Some(metrics) = &self.metrics {
                metrics.limit_hit("connections");
            }
        }
    }

    /// Accepts the connections that the kernel has accepted already. It would reset them when the
    /// listener closes.
    fn accept_pending(&mut self, listener: &TcpListener) {
        while let Ok(slot) = self.slots.clone().try_acquire_owned() {
            let next = self.next.take().map(Ok);
            match next.or_else(|| listener.accept().now_or_never()) {
                Some(Ok((stream, peer))) => self.spawn(stream, peer, slot),
                Some(Err(failure)) if is_connection_error(&failure) => {}
                Some(Err(_)) | None => break,
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = ended.map_or_else(|failure| failure.id(), |(id, ())| id);
        self.open.remove(&id);
    }

    /// Waits until no connection is open.
    async fn empty(&mut self) {
        while let Some(ended) = self.connections.join_next_with_id().await {
            self.ended(ended);
        }
    }

    fn spawn(&mut self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        // Answers are written in one piece; waiting to fill a packet would only delay them.
        if let Err(failure) = stream.set_nodelay(true) {
            debug!("cannot set TCP_NODELAY: {failure}");
        }
        let held = self.metrics.as_ref().map(|metrics| metrics.connected());
        let (connection, served) = self.connection(stream, Peer(peer.ip().to_canonical()));
        let task = self.connections.spawn(async move {
            served.await;
            drop((slot, held));
        });
        self.open.insert(task.id(), connection);
    }

    /// Makes a connection. Its future serves the requests on `stream`, and ends with the connection.
    fn connection(
        &self,
        stream: TcpStream,
        peer: Peer,
    ) -> (Connection, impl Future<Output = ()> + Send + use<>) {
        let requests = Arc::new(Requests::new());
        let account = self.budget.open();
        let connection = Connection {
            requests: requests.clone(),
            account: account.clone(),
        };
        let io = Stream::new(stream, requests.clone(), account.clone(), &self.limits);
        let metrics = self.metrics.clone();
        let router = self.router.clone();
        let readiness = self.readiness.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(account.clone());
            let begun = requests.begin();
            let refusal = match requests.refusal() {
                Some(refusal) if is_in_place_of_another(&request) => Some(refusal),
                _ => wire::check(&request).err(),
            };
            if let Some(refusal) = refusal {
                request.extensions_mut().insert(refusal);
                if let (Some(metrics), Some(limit)) = (&metrics, refusal.limit()) {
                    metrics.limit_hit(limit);
                }
            }
            let reusable = request.version() == Version::HTTP_11;
            let readiness = readiness.clone();
            let answer = router.clone().oneshot(request.map(Body::new));
            async move {
                let mut response = answer.await?;
                // During a drain, an answer asks clients that keep connections open, such as
                // proxies, to open the next one elsewhere. Closing an idle connection could
                // lose a request that is on its way. HTTP/2 does this on its own when the drain
                // begins.
                if reusable && readiness.withdrawn() {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                // A streamed answer is in flight until it ends: its connection is not idle, even if
                // the client sends nothing. Any other answer is complete by now.
                Ok::<_, Infallible>(match response.body().size_hint().exact() {
                    Some(_) => response,
                    None => response.map(|body| {
                        Body::new(body.map_frame(move |frame| {
                            let _ = &begun;
                            frame
                        }))
                    }),
                })
            }
        });
        let served = self
            .builder
            .serve_connection(TokioIo::new(io), service)
            .into_owned();
        let watched = self.graceful.watch(served);
        let patience = self.limits.write_timeout;
        let account = connection.account.clone();
        let served = async move {
            tokio::select! {
                served = watched => {
                    if let Err(failure) = served {
                        debug!("a connection failed: {failure}");
                    }
                }
                () = account.until_closed(patience) => {
                    debug!("closed a connection: its client does not read, or its place is needed");
                }
            }
        };
        (connection, served)
    }

    /// `hurry` may have completed before.
    async fn drain(mut self, hurry: impl FusedFuture<Output = ()>) -> Drained {
        let patience = match hurry.is_terminated() {
            true => HURRIED_DRAIN,
            false => self.limits.drain_timeout,
        };
        let ended = tokio::select! {
            ended = timeout(patience, self.graceful.shutdown()) => ended.is_ok(),
            () = hurry => false,
        };
        while self.connections.try_join_next().is_some() {}
        let connections_cut = match ended {
            true => 0,
            false => self.connections.len(),
        };
        self.connections.shutdown().await;
        match connections_cut {
            0 => info!("drained: all requests in flight were answered"),
            cut => warn!(
                drain.connections_cut = cut,
                "drained: {cut} connections with requests in flight were closed"
            ),
        }
        Drained { connections_cut }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper starts this time-out after each answer, so it is the idle time. `stream` bounds the
        // time for a head that has begun.
        .header_read_timeout(limits.idle_timeout.max(limits.header_timeout))
        // The gate bounds the head.
        .max_buf_size(limits.header_bytes.max(WRITE_BYTES));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
    builder
}

/// Whether the gate made this request, in place of one that it refused.
fn is_in_place_of_another(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(HOST);
    host.is_some_and(|host| host == wire::UNKNOWN_HOST)
}

/// Whether the connection failed before it was accepted. This says nothing about the listener.
fn is_connection_error(failure: &io::Error) -> bool {
    matches!(
        failure.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests;
