//! Several hosts on one PostgreSQL database keep their guarantees if processes die or pause, or if
//! connections break.

mod client;
pub mod cluster;
mod dependencies;
mod faults;
mod idempotency;
pub mod linearizability;
mod registers;
mod rollout;
mod transfers;
mod workload;

pub use testkit::proxy::network as proxy;
