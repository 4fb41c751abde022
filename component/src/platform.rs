//! What the logic needs from outside: SQL and events in the request's transaction, the clock, and
//! the log.

pub use task_host_sdk::platform::Platform;
