//! Proxies between a host and PostgreSQL that fail when a test tells them to.
//!
//! [`network`] fails as networks do, for as long as the test wants. [`commit`] loses a single COMMIT
//! or its answer, at an exact moment.

pub mod commit;
pub mod network;

/// The name of PostgreSQL's socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";

/// Whether a client's bytes contain the statement COMMIT.
fn commits(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|part| part == b"COMMIT\0")
}
