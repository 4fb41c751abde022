//! Short names for the modules of the contract's generated types.

pub use crate::bindings::exports::task_host::platform::service;
pub use crate::bindings::exports::tasks::api::{simple_tasks, tasks};
pub use crate::bindings::task_host::platform::{events, log, sql, types};
pub use crate::bindings::wasi::clocks::wall_clock::Datetime;
