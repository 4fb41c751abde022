//! The logic's SQL reaches its own tables and nothing else: each way out of PostgreSQL is tried
//! here, first past the host's rules and then, on a connection of the logic's own login, past the
//! server's.

use task_host::storage::{Cause, MigrationError, RecordedAnswer};

use super::*;
