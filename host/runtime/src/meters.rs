//! Meters of one call: the memory of its instance and the CPU time of its guest code.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::engine::TICK;
use super::fault::{Fault, Interruption};

/// Sums the memory of one call: the memories and tables of its store, and what the host holds for it.
/// Wasmtime's own `StoreLimits` limits each memory separately, so a component with several modules could
/// use its limit several times.
#[derive(Debug)]
pub(super) struct MemoryMeter {
    /// Memories and tables, and what the host holds until the call ends.
    used_bytes: usize,
    /// What the host holds until the import that the guest is calling returns: parameters or a result.
    /// A result exists twice while wasmtime copies it into the instance.
    held_bytes: usize,
    limit_bytes: usize,
}

impl MemoryMeter {
    pub(super) fn new(limit_bytes: usize) -> Self {
        MemoryMeter {
            used_bytes: 0,
            held_bytes: 0,
            limit_bytes,
        }
    }

    /// Charges what the host holds until the call ends.
    ///
    /// # Errors
    /// Returns [`Fault::Memory`] if the call has no more memory.
    pub(super) fn keep(&mut self, by_bytes: usize) -> Result<(), Fault> {
        let wanted = self.used_bytes.saturating_add(by_bytes);
        if wanted.saturating_add(self.held_bytes) > self.limit_bytes {
            return Err(Fault::Memory);
        }
        self.used_bytes = wanted;
        Ok(())
    }

    /// Charges what the host holds from now on until [`MemoryMeter::release`], in place of what it held
    /// before. Returns how much memory the call has left, in bytes.
    ///
    /// # Errors
    /// Returns [`Fault::Memory`] if the call has no more memory.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<usize, Fault> {
        let wanted = self.used_bytes.saturating_add(bytes);
        let left = self.limit_bytes.checked_sub(wanted).ok_or(Fault::Memory)?;
        self.held_bytes = bytes;
        Ok(left)
    }

    /// Notes that the import has returned to the guest, and that the host holds nothing for it any more.
    pub(super) fn release(&mut self) {
        self.held_bytes = 0;
    }

    fn grow(&mut self, by_bytes: usize) -> wasmtime::Result<bool> {
        // If this returned `Ok(false)`, the growth would fail in the guest, and the call would end with
        // whatever the guest's allocator does then. Ending the call here keeps the reason.
        self.keep(by_bytes).map_err(Interruption::from)?;
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

/// Measures the CPU time of one call's guest code.
///
/// The clock is read only at ticks and after long statements. A call that is shorter than a tick
/// therefore costs nothing and is charged nothing. A longer call is measured to within one tick for
/// each statement.
#[derive(Debug)]
pub(super) struct CpuMeter {
    used: Duration,
    limit: Duration,
    /// The thread's CPU clock in nanoseconds when the guest went on after the latest tick, or 0 if
    /// that time is not known. Shared with the future that the guest yields to.
    resumed: Option<Arc<AtomicU64>>,
}

impl CpuMeter {
    pub(super) fn new(limit: Duration) -> Self {
        CpuMeter {
            used: Duration::ZERO,
            limit,
            resumed: None,
        }
    }

    /// Charges the guest for the time since it went on.
    ///
    /// # Errors
    /// Returns [`Fault::CpuTime`] if the guest has used more than its limit.
    pub(super) fn measure(&mut self) -> Result<(), Fault> {
        let resumed = self.resumed.get_or_insert_default();
        self.used += match resumed.swap(0, Ordering::Relaxed) {
            // If the guest has called the host, it ran for at most one tick since it came back. If
            // it has not, it ran for one or two ticks since the call began.
            0 => TICK,
            since => thread_cpu_time().saturating_sub(Duration::from_nanos(since)),
        };
        if self.used > self.limit {
            return Err(Fault::CpuTime(self.limit));
        }
        Ok(())
    }

    /// Lets other tasks use the thread, then notes the time at which the guest goes on. It may go
    /// on on another thread.
    pub(super) fn yield_now(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let resumed = self.resumed.get_or_insert_default().clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            resumed.store(thread_cpu_time().as_nanos() as u64, Ordering::Relaxed);
        })
    }

    /// Stops the measurement while the guest waits for the host. It may go on on another thread.
    pub(super) fn pause(&mut self) {
        if let Some(resumed) = &self.resumed {
            match resumed.swap(0, Ordering::Relaxed) {
                0 => {}
                since => self.used += thread_cpu_time().saturating_sub(Duration::from_nanos(since)),
            }
        }
    }

    /// Continues the measurement after the guest has waited for the host. If the wait was as long
    /// as a tick, a tick is pending and will be handled at once. The guest must not be charged for
    /// that tick, because the database worked meanwhile.
    pub(super) fn resume(&mut self, waited: Duration) {
        if waited >= TICK {
            let now = thread_cpu_time().as_nanos() as u64;
            let resumed = self.resumed.get_or_insert_default();
            resumed.store(now, Ordering::Relaxed);
        }
    }
}

fn thread_cpu_time() -> Duration {
    cpu_time::ThreadTime::now().as_duration()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_holds_counts_while_it_holds_it() {
        let mut meter = MemoryMeter::new(100);
        assert_eq!(meter.keep(10), Ok(()));
        assert_eq!(meter.hold(40), Ok(50));
        assert_eq!(meter.keep(51), Err(Fault::Memory));
        assert_eq!(meter.hold(91), Err(Fault::Memory));
        assert_eq!(meter.keep(50), Ok(()));
        meter.release();
        assert_eq!(meter.keep(40), Ok(()));
        assert_eq!(meter.keep(1), Err(Fault::Memory));
    }

    #[test]
    fn time_in_the_database_is_not_charged_to_the_guest() {
        let mut meter = CpuMeter::new(TICK * 100);
        for _ in 0..500 {
            meter.pause();
            meter.resume(TICK * 3);
            assert_eq!(meter.measure(), Ok(()));
        }
        assert!(meter.used < TICK * 100, "{:?}", meter.used);
        // If the guest has run since before the latest statement, a whole tick is charged.
        let before = meter.used;
        meter.pause();
        assert_eq!(meter.measure(), Ok(()));
        assert_eq!(meter.used, before + TICK);
    }
}
