//! Short names for the modules of the contract's generated types.

pub use crate::bindings::exports::tasks::api::{simple_tasks, tasks};
pub use task_host_sdk::{
    Datetime, bindings::task_host::platform::sql, events, log, service, types,
};
