//! Every route of both ports, on one screen. The routes under `/admin` are in `admin::routes`.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tracing::info;

use super::admin::Access;
use super::app::App;
use super::backend::Api;
use super::config::McpMode;
use super::events::{Events, Streams};
use super::mcp::Mcp;
use super::{
    Config, Readiness, admin, api, buffered, console, docs, events, fallback, health, mcp, trace,
};
use deployment::Admin;
use telemetry::metrics::Metrics;

/// Builds the routers of both ports.
pub struct Server {
    pub(crate) app: Arc<App>,
    /// `None`: this host has no admin API.
    admin: Option<Router<Arc<App>>>,
    /// `None`: this host serves no events.
    events: Option<Arc<Streams>>,
}

impl Server {
    /// Creates a server without the admin API and without events. Call this within the runtime that
    /// serves the public port.
    pub fn new(api: Arc<dyn Api>, metrics: Arc<Metrics>, config: Config) -> Server {
        Server {
            app: Arc::new(App::new(api, metrics, config)),
            admin: None,
            events: None,
        }
    }

    /// Adds the admin API and the console to the admin port. `access` decides who may use the API.
    #[must_use]
    pub fn with_admin(self, admin: Arc<dyn Admin>, access: Access) -> Server {
        if let Access::Loopback = access {
            info!("no admin token is set: everybody on this machine may replace the logic");
        }
        Server {
            admin: Some(admin::router(&self.app, admin, access)),
            ..self
        }
    }

    /// Adds `/events` to the public port.
    #[must_use]
    pub fn with_events(self, events: Arc<dyn Events>) -> Server {
        let limit = self.app.config.max_event_streams.get() as usize;
        Server {
            events: Some(Arc::new(Streams::new(events, limit))),
            ..self
        }
    }

    /// Returns the routes of the public port.
    ///
    /// All other paths belong to the active revision: its operations and its web UI's files.
    pub fn public(&self) -> Router {
        let app = &self.app;
        let mut routes = Router::new()
            .route("/health", get(health::health))
            .route("/livez", get(health::livez))
            .route("/readyz", get(health::readyz))
            .route("/docs", get(docs::page))
            .route("/docs/{file}", get(docs::file))
            .route("/openapi.json", get(docs::openapi));
        if app.config.public_metrics {
            routes = routes.route("/metrics", get(health::metrics));
        }
        if let Some(streams) = &self.events {
            let follow = get(events::follow).with_state((app.clone(), streams.clone()));
            routes = routes.route("/events", follow);
        }
        let routes = routes
            .fallback(api::dispatch)
            .method_not_allowed_fallback(fallback::only_get)
            .with_state(app.clone());
        let routes = self.layered(routes);
        if app.config.mcp == McpMode::Off {
            return routes;
        }
        let mcp = Arc::new(Mcp::new(app.clone(), routes.clone()));
        let mcp = Router::new()
            .route(mcp::PATH, any(mcp::serve))
            .with_state(mcp);
        routes.merge(self.layered(mcp))
    }

    /// Adds what every request to the public port passes, the outermost layer last.
    fn layered(&self, routes: Router) -> Router {
        routes
            .layer(from_fn(buffered::count))
            .layer(
                CompressionLayer::new()
                    .quality(CompressionLevel::Fastest)
                    .compress_when(SizeAbove::new(1024).and(docs::compressible)),
            )
            .layer(from_fn_with_state(self.app.clone(), trace::trace))
    }

    /// Returns the routes of the admin port.
    pub fn operators(&self) -> Router {
        let mut routes = Router::new()
            .route("/livez", get(health::livez))
            .route("/readyz", get(health::readyz))
            .route("/metrics", get(health::metrics));
        if let Some(admin) = &self.admin {
            routes = routes
                .route("/", get(console::from_root))
                .route("/console", get(console::page))
                .route("/console/", get(console::without_slash))
                .route("/console/{file}", get(console::file))
                .merge(admin.clone());
        }
        routes
            .fallback(fallback::not_found)
            .method_not_allowed_fallback(fallback::only_get)
            .layer(from_fn_with_state(self.app.clone(), trace::identify))
            .with_state(self.app.clone())
    }

    /// Returns the state that `/readyz` reports. Pass it to [`listen::serve`](super::listen::serve).
    pub fn readiness(&self) -> Readiness {
        self.app.readiness.clone()
    }
}
