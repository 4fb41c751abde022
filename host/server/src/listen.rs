//! Accepts connections, serves HTTP/1.1 and HTTP/2 (with prior knowledge) on them, and drains
//! them at the end: readiness off, serve on for the drain delay and close each connection with
//! its next answer, stop accepting, let what is in flight end within the drain time-out, cut off
//! the rest. Who is in a hurry gets the last step at once.
//!
//! Slow clients are cut off at three places: `stream` bounds a request's head and a reader
//! that takes no bytes, hyper bounds the time between requests, `api` bounds a body.

mod stream;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Version};
use futures_util::FutureExt as _;
use futures_util::future::FusedFuture;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt;
use tracing::{debug, info, warn};

use self::stream::{Progress, Stream};
use super::client::Peer;
use super::{Config, Readiness};
use telemetry::metrics::Metrics;

/// Streams that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 200;

/// How long idle connections have to close, where the drain is to end at once.
const HASTE: Duration = Duration::from_millis(100);

/// How long a connection that was accepted last may take to bring its request, at the end of a drain
/// delay: whoever connects has not noticed, and its request may not be one that can be sent again.
const FIRST_REQUEST: Duration = Duration::from_millis(200);

/// How long to leave the kernel alone after it could not accept (no file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a port takes from its clients. See [`Config`] for what each means.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `--max-connections`
    pub connections: usize,
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
    /// Connections that had a request in flight when the time was up. 0: all ended well.
    pub connections_cut: usize,
}

/// Serves the router until `shutdown` is ready, then drains, until `hurry` is ready. Metrics, where
/// given, count the open connections.
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
    let mut port = Port {
        router,
        builder: builder(&limits),
        slots: Arc::new(Semaphore::new(limits.connections)),
        graceful: GracefulShutdown::new(),
        connections: JoinSet::new(),
        limits,
        readiness,
        metrics,
    };
    tokio::select! {
        () = port.accept(&listener) => {}
        () = shutdown => {}
    }
    port.readiness.withdraw();
    let until = Instant::now() + port.limits.drain_delay;
    let delay_ms = port.limits.drain_delay.as_millis() as u64;
    info!(
        drain.delay_ms = delay_ms,
        "readiness is off, the drain begins"
    );
    tokio::select! {
        () = port.accept(&listener) => {}
        () = sleep_until(until) => {}
        () = &mut hurry => {}
    }
    port.accept_the_last(&listener);
    drop(listener);
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
    /// One permit a connection, held by its task.
    slots: Arc<Semaphore>,
    graceful: GracefulShutdown,
    /// Owns every connection's task until it ended.
    connections: JoinSet<()>,
    limits: Limits,
    readiness: Readiness,
    metrics: Option<Arc<Metrics>>,
}

impl Port {
    /// Accepts for ever.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            let slots = self.slots.clone();
            let accepted = async move {
                let slot = slots.acquire_owned().await;
                let slot = slot.expect("the semaphore is never closed");
                let (stream, peer) = listener.accept().await?;
                Ok((stream, peer, slot))
            };
            tokio::select! {
                accepted = accepted => match accepted {
                    Ok((stream, peer, slot)) => self.spawn(stream, peer, slot),
                    Err(failure) if is_the_clients(&failure) => {}
                    Err(failure) => {
                        warn!("cannot accept connections: {failure}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                // Ended tasks are let go of as they end.
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    /// Takes what the kernel has accepted already: it would reset what is left when the listener goes.
    fn accept_the_last(&mut self, listener: &TcpListener) {
        while let Ok(slot) = self.slots.clone().try_acquire_owned() {
            match listener.accept().now_or_never() {
                Some(Ok((stream, peer))) => self.spawn(stream, peer, slot),
                Some(Err(failure)) if is_the_clients(&failure) => {}
                Some(Err(_)) | None => break,
            }
        }
    }

    /// Waits until no connection is open.
    async fn empty(&mut self) {
        while self.connections.join_next().await.is_some() {}
    }

    fn spawn(&mut self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        // Answers are written whole; waiting to fill a packet would only delay them.
        if let Err(failure) = stream.set_nodelay(true) {
            debug!("TCP_NODELAY was not set: {failure}");
        }
        let progress = Arc::new(Progress::default());
        let io = Stream::new(stream, progress.clone(), &self.limits);
        let router = self.router.clone();
        let readiness = self.readiness.clone();
        let peer = Peer(peer.ip().to_canonical());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let begun = progress.begin();
            let reusable = request.version() == Version::HTTP_11;
            let readiness = readiness.clone();
            let answer = router.clone().oneshot(request.map(Body::new));
            async move {
                let mut response = answer.await?;
                // Who keeps connections, as proxies do, learns with an answer to make the next one
                // elsewhere. One that is closed while it idles may lose a request that is under
                // way. HTTP/2 says so by itself when the drain begins.
                if reusable && readiness.withdrawn() {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                // A stream is in flight until it has ended: its connection is not idle, however
                // long the client says nothing. Any other answer is whole by now.
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
        let connection = self
            .builder
            .serve_connection(TokioIo::new(io), service)
            .into_owned();
        let watched = self.graceful.watch(connection);
        let held = self.metrics.as_ref().map(|metrics| metrics.connected());
        self.connections.spawn(async move {
            if let Err(failure) = watched.await {
                debug!("a connection broke off: {failure}");
            }
            drop((slot, held));
        });
    }

    /// `hurry` may have been ready before.
    async fn drain(mut self, hurry: impl FusedFuture<Output = ()>) -> Drained {
        let patience = match hurry.is_terminated() {
            true => HASTE,
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
            0 => info!("drained: every request in flight was answered"),
            cut => warn!(
                drain.connections_cut = cut,
                "drained: {cut} connections were cut off"
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
        // hyper starts this clock when the last answer was sent, so it is the idle time; the
        // time for a head that has begun is bounded by the stream.
        .header_read_timeout(limits.idle_timeout.max(limits.header_timeout))
        .max_buf_size(limits.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
    builder
}

/// A connection that was gone before it was accepted says nothing about the listener.
fn is_the_clients(failure: &io::Error) -> bool {
    matches!(
        failure.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests;
