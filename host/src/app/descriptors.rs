//! File descriptors: every connection takes one, and so do the database, the admin port and the
//! compiler. If clients could take them all, the host could neither read its database nor be
//! operated, so connections of the public port get only what the others leave.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Process;
use server::operators;

/// What the runtimes, the compiler, the code cache, the logs and requests of the host itself need at
/// most, beside the connections of the admin port.
const OWN: u64 = 64;

/// A host with room for fewer connections is not worth starting.
const LEAST_CONNECTIONS: u64 = 16;

/// Raises the limit of open files as far as the system allows, and returns how many connections the
/// public port may have open: `--max-connections`, or as many as the limit leaves.
///
/// # Errors
/// Returns an error if the limit does not suffice for the host itself.
pub(super) fn connections(config: &Process) -> anyhow::Result<usize> {
    let limit = raise();
    let others = OWN + operators::CONNECTIONS as u64 + config.database_files();
    let wanted = u64::from(config.server.max_connections.get());
    let possible = limit.saturating_sub(others);
    if possible < wanted.min(LEAST_CONNECTIONS) {
        anyhow::bail!(
            "the process may open {limit} files (ulimit -n), and needs {}: raise the limit, or \
             lower --max-concurrency",
            others + wanted.min(LEAST_CONNECTIONS)
        );
    }
    Ok(usize::try_from(possible.min(wanted)).unwrap_or(usize::MAX))
}

/// Raises the soft limit of open files to the hard one, and returns what it is then.
fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // If this fails, the limit stays what it is.
    let _ = setrlimit(Resource::Nofile, raised);
    // `None`: without limit.
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
