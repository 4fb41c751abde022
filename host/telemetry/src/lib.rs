//! What the host reports about itself: [`metrics`] for Prometheus, [`traces`] for an OpenTelemetry
//! collector, and the last [`lines`] of the log for who looks at one host.
//!
//! `request`, `deployment` and `server` record into it. It depends on `contract`, and on `storage`
//! to read the database's counters at each scrape and to label transactions. It knows nothing about
//! HTTP's types, WebAssembly, SQL or deployments: the layers pass it numbers and bounded labels.

pub mod lines;
pub mod metrics;
pub mod traces;
