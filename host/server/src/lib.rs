//! HTTP: the public port's router with every fixed route, and the operators' port's.
//!
//! What is no fixed route belongs to the active revision: its operations and its web UI's files
//! (`api`). Everything passes `trace`, which gives each request its id and each answer its
//! headers. Knows neither SQL nor WebAssembly: it reaches them through [`Api`] alone.

pub mod admin;
mod api;
mod assets;
mod backend;
mod client;
pub mod config;
mod console;
mod cors;
mod docs;
mod etag;
pub mod events;
mod health;
pub mod listen;
mod openapi;
pub mod operators;
mod problem;
mod recent;
mod surface;
mod trace;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tracing::info;

use self::admin::Access;
pub use self::backend::Api;
pub use self::config::Config;
use self::cors::Cors;
use self::recent::Recent;
pub use self::recent::{Failure, Figures, RevisionSecond};
use deployment::Admin;
use telemetry::metrics::Metrics;

/// Builds the routers of both ports over one backend.
pub struct Server {
    app: Arc<App>,
    /// The admin API's routes; none where nothing replaces the logic.
    admin: Option<Router<Arc<App>>>,
    /// The route of the events; none where nothing is published.
    events: Option<Router<Arc<App>>>,
}

/// What every handler shares, for as long as the process serves.
struct App {
    api: Arc<dyn Api>,
    metrics: Arc<Metrics>,
    config: Config,
    cors: Cors,
    recent: Recent,
    readiness: Readiness,
    /// The runtime that serves the public port: probes on the operators' port ask whether it
    /// still works.
    workers: Handle,
    started: Instant,
}

impl Server {
    /// Joins what the routers need. Call it within the runtime that serves the public port.
    pub fn new(api: Arc<dyn Api>, metrics: Arc<Metrics>, config: Config) -> Server {
        Server {
            app: Arc::new(App {
                cors: Cors::new(&config.cors_origin),
                recent: Recent::default(),
                readiness: Readiness::default(),
                workers: Handle::current(),
                started: Instant::now(),
                api,
                metrics,
                config,
            }),
            admin: None,
            events: None,
        }
    }

    /// Lets those who may, by `access`, replace the logic over the operators' port, and shows
    /// them the console.
    #[must_use]
    pub fn with_admin(self, admin: Arc<dyn Admin>, access: Access) -> Server {
        if let Access::Loopback = access {
            info!("no admin token is set: whoever is on this machine may replace the logic");
        }
        let routes = admin::router(&self.app, admin, access)
            .route("/", get(console::from_root))
            .route("/console", get(console::page))
            .route("/console/", get(console::without_slash))
            .route("/console/{file}", get(console::file));
        Server {
            admin: Some(routes),
            ..self
        }
    }

    /// Serves events at `/events`.
    #[must_use]
    pub fn with_events(self, events: Arc<dyn events::Events>) -> Server {
        let streams = self.app.config.max_event_streams.get() as usize;
        Server {
            events: Some(events::router(events, streams)),
            ..self
        }
    }

    /// The public port's routes.
    pub fn public(&self) -> Router {
        let app = &self.app;
        let mut routes = Router::new()
            .route("/health", get(health::health))
            .route("/livez", get(health::livez))
            .route("/readyz", get(health::readyz))
            .route("/docs", get(docs::page))
            .route("/docs/{file}", get(docs::file))
            .route("/openapi.json", get(openapi::document));
        if app.config.public_metrics {
            routes = routes.route("/metrics", get(health::metrics));
        }
        routes
            .merge(self.events.clone().unwrap_or_default())
            .fallback(api::dispatch)
            .method_not_allowed_fallback(api::only_get)
            .layer(
                CompressionLayer::new()
                    .quality(CompressionLevel::Fastest)
                    .compress_when(SizeAbove::new(1024).and(docs::compressible)),
            )
            .layer(from_fn_with_state(app.clone(), trace::trace))
            .with_state(app.clone())
    }

    /// The operators' port's routes.
    pub fn operators(&self) -> Router {
        Router::new()
            .route("/livez", get(health::livez))
            .route("/readyz", get(health::readyz))
            .route("/metrics", get(health::metrics))
            .merge(self.admin.clone().unwrap_or_default())
            .fallback(api::not_found)
            .method_not_allowed_fallback(api::only_get)
            .layer(from_fn_with_state(self.app.clone(), trace::identify))
            .with_state(self.app.clone())
    }

    /// The switch that `/readyz` follows: hand it to [`listen::serve`].
    pub fn readiness(&self) -> Readiness {
        self.app.readiness.clone()
    }
}

/// Whether this host wants new requests. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<watch::Sender<bool>>);

impl Readiness {
    /// From now on `/readyz` answers 503. There is no way back.
    pub fn withdraw(&self) {
        self.0.send_replace(true);
    }

    /// Whether [`Readiness::withdraw`] was called.
    pub fn withdrawn(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for [`Readiness::withdraw`].
    pub async fn until_withdrawn(self) {
        let mut withdrawn = self.0.subscribe();
        // `self` holds the sender, so it cannot be gone.
        let _ = withdrawn.wait_for(|withdrawn| *withdrawn).await;
    }
}
