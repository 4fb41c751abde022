//! What the host reports about itself: [`metrics`] for Prometheus, [`traces`] for an OpenTelemetry
//! collector.
//!
//! The layers above record into it. It knows the database's own counters and nothing else of them.

pub mod metrics;
pub mod traces;
