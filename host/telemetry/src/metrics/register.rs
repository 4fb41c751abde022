//! The name and the meaning of every metric, on one page: this is what `/metrics` shows.

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::Metrics;
use super::histogram::Histogram;
use super::process::Process;
use super::revisions::Revisions;

/// Creates every metric at zero and registers it.
#[rustfmt::skip]
pub(super) fn metrics() -> Metrics {
    let mut registrar = Registrar(Registry::default());
    let requests: fn() -> Histogram = Histogram::of_requests;
    let parts: fn() -> Histogram = Histogram::of_parts;
    let metrics = Metrics {
        requests: registrar.seconds("http_server_request_duration", "Duration of requests by route, method, status and revision, from reading the head to finishing the answer", Family::new_with_constructor(requests)),
        active_requests: registrar.add("http_server_active_requests", "Requests that are being answered", Gauge::default()),
        connections: registrar.add("task_host_connections", "Open connections on the public port", Gauge::default()),
        buffered: registrar.add("task_host_buffered_bytes", "Bytes that the public port keeps for clients: bodies of requests, and answers that are not read yet", Gauge::default()),
        event_streams: registrar.add("task_host_event_streams", "Clients that follow the events", Gauge::default()),
        instantiations: registrar.add("task_host_instantiations", "Instances created, one for each run of a request", Counter::default()),
        instantiation_seconds: registrar.seconds("task_host_instantiation_duration", "Time to create an instance", parts()),
        faults: registrar.add("task_host_faults", "Faults of the logic by kind", Family::default()),
        limits: registrar.add("task_host_limits_hit", "Requests that a limit ended, by limit", Family::default()),
        queue_waiting: registrar.add("task_host_queue_waiting", "Requests that wait for the writer or an instance", Gauge::default()),
        queue_rejected: registrar.add("task_host_queue_rejected", "Requests rejected because the queue was full or the wait too long", Counter::default()),
        queue_seconds: registrar.seconds("task_host_queue_duration", "Time that requests waited for the writer or an instance", parts()),
        pool_in_use: registrar.add("task_host_pool_in_use", "Live instances", Gauge::default()),
        pool_capacity: registrar.add("task_host_pool_capacity", "Maximum number of live instances", Gauge::default()),
        memory_clearing: registrar.add("task_host_memory_clearing", "How an instance's memory is cleared for the next one (the value is 1)", Family::default()),
        memory_at_risk: registrar.add("task_host_memory_at_risk", "1 if memory is cleared by scan although pages can be swapped out, so that a request may see memory of an earlier one", Gauge::default()),
        transactions: registrar.add("task_host_transactions", "Transactions by access and outcome", Family::default()),
        database_seconds: registrar.seconds("task_host_database_duration", "Time that the database worked for a transaction", Family::new_with_constructor(parts)),
        database_unavailable: registrar.add("task_host_database_unavailable", "Requests and readiness checks that failed because of the database", Counter::default()),
        statements: registrar.add("task_host_statements", "SQL statements that the logic ran", Counter::default()),
        rows: registrar.add("task_host_rows", "Rows that the logic's statements returned", Counter::default()),
        slow_statements: registrar.add("task_host_slow_statements", "SQL statements of the logic that took longer than --slow-statement", Counter::default()),
        guest_seconds: registrar.seconds("task_host_guest_duration", "Time in the guest, in one call of the logic", parts()),
        host_seconds: registrar.seconds("task_host_host_duration", "Time in the host's functions in one call, without the database's time", parts()),
        retries: registrar.add("task_host_retries", "Retries of requests after a serialization conflict", Counter::default()),
        deployments: registrar.add("task_host_deployments", "Deployments by outcome and reason", Family::default()),
        deployment_ended: registrar.seconds("task_host_deployment_ended_timestamp", "When the latest deployment with this outcome ended, since the Unix epoch", Family::default()),
        deployment_stages: registrar.seconds("task_host_deployment_stage_duration", "Duration of the stages of deployments", Family::new_with_constructor(requests)),
        replicas: registrar.add("task_host_replicas", "Hosts that share the database and may answer, including this one", Gauge::default()),
        epoch: registrar.add("task_host_deployment_epoch", "If hosts share the database: the epoch of the revision that this host serves", Gauge::default()),
        active: registrar.add("task_host_revision", "The active revision (the value is 1)", Family::default()),
        shadow_reads: registrar.add("task_host_shadow_reads", "Reads of shadow trials by outcome", Family::default()),
        answers: registrar.add("task_host_answers", "Answers to reads: run by the logic, or proven to be unchanged, verified by its statements or shared with a concurrent request", Family::default()),
        answer_cache_bytes: registrar.add("task_host_answer_cache_bytes", "Bytes that the answer cache holds", Gauge::default()),
        answer_cache_evictions: registrar.add("task_host_answer_cache_evictions", "Answers that the answer cache dropped to make room", Counter::default()),
        answer_checks: registrar.add("task_host_answer_checks", "Proven answers that were compared with a run of the logic, by outcome", Family::default()),
        revisions: Revisions::default(),
        series: Mutex::default(),
        registry: Registry::default(),
    };
    let build = [("version", env!("CARGO_PKG_VERSION")), ("target_arch", std::env::consts::ARCH), ("target_os", std::env::consts::OS)];
    registrar.0.register("task_host_build", "The build of the host", Info::new(build));
    registrar.0.register_collector(Box::new(Process::new()));
    registrar.0.register_collector(Box::new(metrics.revisions.clone()));
    Metrics { registry: registrar.0, ..metrics }
}

/// A registry that returns what it registers.
struct Registrar(Registry);

impl Registrar {
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
