//! Black-box tests: they run the real binary as a process and use it over HTTP.
//!
//! Each test starts its own host on a free port with its own database, so all of them can run at the
//! same time. The tests assert what a client or an operator can see, and use none of the host's
//! crates, except `storage` to read or damage a database file. Tests that drive a crate directly are
//! in the `tests/` directory of that crate. The components are built by `cargo xtask test`.

use testkit::{client, postgres};

mod harness;
mod metrics;
mod stop;

mod answers;
mod contract1;
mod contract2;
mod deployment;
mod diagnosis;
mod durability;
mod feed;
mod hostile;
mod http;
mod lifecycle;
mod limits;
mod mcp;
mod project;
mod recordings;
mod replicas;
mod sdk;
mod statements;
mod telemetry;
mod toy;
mod traffic;
mod transfer;
mod wasi;
