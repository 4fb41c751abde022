//! The limits of one call.

use std::time::Duration;

/// The maximum size of everything that one call writes to the log, in bytes. A call that needs
/// more floods the log.
pub(super) const LOG_BYTES: usize = 64 << 10;

/// What the runtime reserves, and what one call may use of it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum number of instances that exist at the same time. The pool is sized from it at start.
    pub instances: u32,
    /// Instances in addition to those of admitted requests: for descriptions, self-tests and
    /// health.
    pub spare_instances: u32,
    /// Maximum memory of one call, in bytes: the linear memories and tables of its instance, and what
    /// the host holds for it.
    pub memory_bytes: usize,
    /// Maximum size of the data that the guest passes to the host in one call, in bytes.
    pub handover_bytes: usize,
    /// Maximum size of the answer that is written from a call's result, in bytes. Whoever writes the
    /// answer applies it.
    pub answer_bytes: usize,
    /// Maximum CPU time of one call.
    pub cpu: Duration,
    /// Maximum number of events that one call may publish.
    pub events: u32,
    /// Maximum number of log lines of one call. Further lines are dropped and counted.
    pub log_lines: u32,
}

impl Limits {
    /// Default of [`Limits::spare_instances`].
    pub const SPARE_INSTANCES: u32 = 4;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            instances: 64,
            spare_instances: Self::SPARE_INSTANCES,
            memory_bytes: 64 << 20,
            handover_bytes: 16 << 20,
            answer_bytes: 16 << 20,
            cpu: Duration::from_secs(1),
            events: 10_000,
            log_lines: 100,
        }
    }
}
