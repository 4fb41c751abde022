//! Every figure's name and meaning, on one page: what `/metrics` shows.

use std::sync::Mutex;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::Metrics;
use super::histogram::Histogram;
use super::process::Process;
use super::revisions::Revisions;

/// Makes every figure, at zero, and registers it.
#[rustfmt::skip]
pub(super) fn metrics() -> Metrics {
    let mut figures = Figures(Registry::default());
    let requests: fn() -> Histogram = Histogram::of_requests;
    let parts: fn() -> Histogram = Histogram::of_parts;
    let metrics = Metrics {
        requests: figures.seconds("http_server_request_duration", "Requests by route, method, status and revision, from the head read to the answer made", Family::new_with_constructor(requests)),
        active_requests: figures.add("http_server_active_requests", "Requests whose answer is being made", Gauge::default()),
        connections: figures.add("task_host_connections", "Open connections on the public port", Gauge::default()),
        event_streams: figures.add("task_host_event_streams", "Clients that follow the feed of events", Gauge::default()),
        instantiations: figures.add("task_host_instantiations", "Instances made: one for each run of a request", Counter::default()),
        instantiation_seconds: figures.seconds("task_host_instantiation_duration", "Making an instance", parts()),
        faults: figures.add("task_host_faults", "Failures of the logic by kind", Family::default()),
        limits: figures.add("task_host_limits_hit", "Requests ended by a limit", Family::default()),
        queue_waiting: figures.add("task_host_queue_waiting", "Requests that wait for an instance", Gauge::default()),
        queue_rejected: figures.add("task_host_queue_rejected", "Requests turned away because the queue was full or the wait too long", Counter::default()),
        queue_seconds: figures.seconds("task_host_queue_duration", "Waiting for an instance", parts()),
        pool_in_use: figures.add("task_host_pool_in_use", "Instances alive", Gauge::default()),
        pool_capacity: figures.add("task_host_pool_capacity", "Instances that may live at a time", Gauge::default()),
        transactions: figures.add("task_host_transactions", "Transactions by access and outcome", Family::default()),
        database_seconds: figures.seconds("task_host_database_duration", "The database's work in a transaction", Family::new_with_constructor(parts)),
        database_unavailable: figures.add("task_host_database_unavailable", "Requests turned away, and checks of readiness that failed, because the database did not do its part", Counter::default()),
        statements: figures.add("task_host_statements", "SQL statements that the logic ran", Counter::default()),
        rows: figures.add("task_host_rows", "Rows that its statements returned", Counter::default()),
        guest_seconds: figures.seconds("task_host_guest_duration", "Inside the guest, in one call of the logic", parts()),
        host_seconds: figures.seconds("task_host_host_duration", "The host's work around one call, without the database's", parts()),
        retries: figures.add("task_host_retries", "Requests run again after a serialization conflict", Counter::default()),
        deployments: figures.add("task_host_deployments", "Deployments by outcome and reason", Family::default()),
        deployment_ended: figures.seconds("task_host_deployment_ended_timestamp", "When the latest deployment with that outcome ended, since the Unix epoch", Family::default()),
        deployment_stages: figures.seconds("task_host_deployment_stage_duration", "Stages of deployments", Family::new_with_constructor(requests)),
        replicas: figures.add("task_host_replicas", "Hosts that share the database and may answer, this one among them", Gauge::default()),
        epoch: figures.add("task_host_deployment_epoch", "The number of the switch to what this host serves, where hosts share the database", Gauge::default()),
        active: figures.add("task_host_revision", "The active revision: 1", Family::default()),
        shadow_reads: figures.add("task_host_shadow_reads", "Reads by what running them in the shadow came to", Family::default()),
        revisions: Revisions::default(),
        series: Mutex::default(),
        registry: Registry::default(),
    };
    let build = [("version", env!("CARGO_PKG_VERSION")), ("target_arch", std::env::consts::ARCH), ("target_os", std::env::consts::OS)];
    figures.0.register("task_host_build", "The host's build", Info::new(build));
    figures.0.register_collector(Box::new(Process::new()));
    figures.0.register_collector(Box::new(metrics.revisions.clone()));
    Metrics { registry: figures.0, ..metrics }
}

/// A registry that hands back what it registers.
struct Figures(Registry);

impl Figures {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0
            .register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}
