//! Black-box acceptance: the real binary, as a process of its own, over HTTP.
//!
//! Each test starts its own host on a free port with its own database, so that all of them run
//! at the same time. Nothing here knows the host's code: what these tests assert is what a
//! client or an operator can see. The components come from `cargo xtask test`.

use testkit::{client, postgres};

mod harness;
mod metrics;

mod contract1;
mod contract2;
mod deployment;
mod durability;
mod feed;
mod hostile;
mod http;
mod lifecycle;
mod limits;
mod replicas;
mod request;
mod telemetry;
mod toy;
mod traffic;
mod transfer;
