//! The state that all handlers share.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::backend::Api;
use super::config::Config;
use super::cors::Cors;
use super::recent::Recent;
use super::surface::Surfaces;
use telemetry::metrics::Metrics;

/// The state that all handlers share, for as long as the process serves.
pub(crate) struct App {
    pub(crate) api: Arc<dyn Api>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) config: Config,
    pub(crate) cors: Cors,
    pub(crate) surfaces: Surfaces,
    pub(crate) recent: Recent,
    pub(crate) readiness: Readiness,
    /// The runtime that serves the public port. Probes on the admin port ask it whether it still
    /// works.
    pub(crate) workers: Handle,
    pub(crate) started: Instant,
}

impl App {
    /// Creates the state. Call this within the runtime that serves the public port.
    pub(crate) fn new(api: Arc<dyn Api>, metrics: Arc<Metrics>, config: Config) -> App {
        App {
            cors: Cors::new(&config.cors_origin),
            surfaces: Surfaces::default(),
            recent: Recent::default(),
            readiness: Readiness::default(),
            workers: Handle::current(),
            started: Instant::now(),
            api,
            metrics,
            config,
        }
    }
}

/// Whether this host accepts new requests. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<watch::Sender<Phase>>);

/// From the start to the end of the public port. Each phase follows the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Open,
    /// The drain delay: load balancers should notice, and requests are still accepted.
    Draining,
    /// The port accepts no more connections.
    Closed,
}

impl Readiness {
    /// Makes `/readyz` answer 503 from now on. This cannot be undone.
    pub fn withdraw(&self) {
        self.0.send_replace(Phase::Draining);
    }

    /// Makes `/readyz?exclude=drain` answer 503, too. This cannot be undone.
    pub fn close(&self) {
        self.0.send_replace(Phase::Closed);
    }

    /// Whether [`Readiness::withdraw`] was called.
    pub fn withdrawn(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Whether [`Readiness::close`] was called.
    pub fn closed(&self) -> bool {
        *self.0.borrow() == Phase::Closed
    }

    /// Waits for [`Readiness::withdraw`].
    pub async fn until_withdrawn(self) {
        let mut withdrawn = self.0.subscribe();
        // `self` holds the sender, so the channel is not closed.
        let _ = withdrawn.wait_for(|phase| *phase >= Phase::Draining).await;
    }
}
