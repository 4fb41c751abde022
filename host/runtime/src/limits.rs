//! What one call may use, and the meter that sums its memory.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::fault::{Fault, Interruption};

/// What the runtime reserves, and what one call may use of it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Instances alive at a time. The pool is sized from it at start.
    pub instances: u32,
    /// Instances beside those of admitted requests: descriptions, self-tests, health.
    pub spare_instances: u32,
    /// Linear memory and tables of one instance, summed over all its memories, in bytes.
    pub memory_bytes: usize,
    /// What the guest may hand to the host in one call, in bytes.
    pub handover_bytes: usize,
    /// CPU time of one call.
    pub cpu: Duration,
    /// Events that one call may publish.
    pub events: u32,
    /// Log lines of one call; what goes beyond is dropped and counted.
    pub log_lines: u32,
}

impl Limits {
    /// What is spared unless it is set.
    pub const SPARE_INSTANCES: u32 = 4;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            instances: 64,
            spare_instances: Self::SPARE_INSTANCES,
            memory_bytes: 64 << 20,
            handover_bytes: 16 << 20,
            cpu: Duration::from_secs(1),
            events: 10_000,
            log_lines: 100,
        }
    }
}

/// Sums the memory of one store. Wasmtime's own `StoreLimits` bounds each memory by itself, so a
/// component of several modules could have its limit several times.
#[derive(Debug)]
pub(super) struct MemoryMeter {
    used_bytes: usize,
    limit_bytes: usize,
}

impl MemoryMeter {
    pub(super) fn new(limit_bytes: usize) -> Self {
        MemoryMeter {
            used_bytes: 0,
            limit_bytes,
        }
    }

    fn grow(&mut self, by_bytes: usize) -> wasmtime::Result<bool> {
        let wanted = self.used_bytes.saturating_add(by_bytes);
        if wanted > self.limit_bytes {
            // A refusal (`Ok(false)`) would surface as whatever the guest's allocator makes of
            // it; ending the call here keeps the reason.
            return Err(Interruption::from(Fault::Memory).into());
        }
        self.used_bytes = wanted;
        Ok(true)
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current) * size_of::<usize>())
    }
}
