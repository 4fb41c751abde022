//! What one call's store holds: its transaction, its clock, its meters.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use wasmtime::UpdateDeadline;

use super::engine::Running;
use super::fault::{Fault, Interruption};
use super::limits::{Limits, MemoryMeter};
use storage::{Dialect, Transaction};

/// One call to the logic, as the request layer orders it.
pub struct Call {
    /// The transaction that the logic's SQL runs in. None: SQL, clock and random trap.
    pub transaction: Option<Box<dyn Transaction>>,
    /// Which SQL the database speaks.
    pub dialect: Dialect,
    /// What the clock says during the whole call: time since the Unix epoch.
    pub now: Duration,
    /// What its random numbers come from; none: the system. The same seed gives the same ones.
    pub seed: Option<[u8; 32]>,
    /// When the call must be over.
    pub deadline: Instant,
    /// The request's log span: the guest's lines are joined to it.
    pub span: tracing::Span,
}

/// The data of a store. It lives for one call.
pub(super) struct State {
    pub(super) transaction: Option<Box<dyn Transaction>>,
    pub(super) dialect: Dialect,
    pub(super) now: Duration,
    random: Option<Box<StdRng>>,
    pub(super) span: tracing::Span,
    pub(super) memory: MemoryMeter,
    pub(super) cpu: CpuMeter,
    deadline: Instant,
    /// Time spent in host functions.
    pub(super) host_time: Duration,
    handover_left: usize,
    pub(super) events_left: u32,
    pub(super) log_lines_left: u32,
    pub(super) log_bytes_left: usize,
    pub(super) log_lines_dropped: u32,
    _running: Running,
}

impl State {
    pub(super) fn new(call: Call, limits: &Limits, running: Running) -> Self {
        State {
            transaction: call.transaction,
            dialect: call.dialect,
            now: call.now,
            random: call.seed.map(|seed| Box::new(StdRng::from_seed(seed))),
            span: call.span,
            memory: MemoryMeter::new(limits.memory_bytes),
            cpu: CpuMeter {
                used: Duration::ZERO,
                limit: limits.cpu,
                resumed: None,
            },
            deadline: call.deadline,
            host_time: Duration::ZERO,
            handover_left: limits.handover_bytes,
            events_left: limits.events,
            log_lines_left: limits.log_lines,
            log_bytes_left: super::imports::LOG_BYTES,
            log_lines_dropped: 0,
            _running: running,
        }
    }

    /// Called at every tick that finds the guest running: checks its deadlines, then lets other
    /// requests have the thread.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if Instant::now() >= self.deadline {
            return Err(Interruption::from(Fault::Deadline).into());
        }
        self.cpu.measure().map_err(Interruption::from)?;
        Ok(UpdateDeadline::YieldCustom(1, self.cpu.give_way()))
    }

    /// A statement is over, after so long, and the guest goes on.
    pub(super) fn returned_from_host(&mut self, elapsed: Duration) {
        self.host_time += elapsed;
        self.cpu.resume(elapsed);
    }

    /// Fills bytes with what nobody can guess: from the call's seed, or the system's.
    pub(super) fn fill_random(&mut self, bytes: &mut [u8]) {
        match &mut self.random {
            Some(seeded) => seeded.fill_bytes(bytes),
            None => rand::rng().fill_bytes(bytes),
        }
    }

    /// Charges what the guest hands to the host.
    pub(super) fn hand_over(&mut self, size_bytes: usize) -> Result<(), Interruption> {
        self.handover_left = self
            .handover_left
            .checked_sub(size_bytes)
            .ok_or(Fault::Handover)?;
        Ok(())
    }
}

/// The CPU time of one call's guest code.
///
/// It is read only at ticks and after long statements, so a call shorter than a tick costs nothing
/// and counts nothing; a longer one is counted to within a tick for each statement.
#[derive(Debug)]
pub(super) struct CpuMeter {
    used: Duration,
    limit: Duration,
    /// The thread's CPU clock in nanoseconds when the guest went on after the latest tick; 0
    /// when that is not known. Shared with the future that the guest yields to.
    resumed: Option<Arc<AtomicU64>>,
}

impl CpuMeter {
    fn measure(&mut self) -> Result<(), Fault> {
        let resumed = self.resumed.get_or_insert_default();
        self.used += match resumed.swap(0, Ordering::Relaxed) {
            // The guest ran for at most one tick since it came back from the host; since it began,
            // for one or two.
            0 => super::engine::TICK,
            since => thread_cpu_time().saturating_sub(Duration::from_nanos(since)),
        };
        if self.used > self.limit {
            return Err(Fault::CpuTime);
        }
        Ok(())
    }

    /// Lets other tasks have the thread, then notes where the guest goes on: perhaps on another.
    fn give_way(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let resumed = self.resumed.get_or_insert_default().clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            resumed.store(thread_cpu_time().as_nanos() as u64, Ordering::Relaxed);
        })
    }

    /// The guest waits for the host and may go on on another thread.
    pub(super) fn pause(&mut self) {
        if let Some(resumed) = &self.resumed {
            match resumed.swap(0, Ordering::Relaxed) {
                0 => {}
                since => self.used += thread_cpu_time().saturating_sub(Duration::from_nanos(since)),
            }
        }
    }

    /// The guest goes on after so long a wait. The tick that fell into a long one finds it at
    /// once: it must not be charged for a tick that the database worked.
    fn resume(&mut self, waited: Duration) {
        if waited >= super::engine::TICK {
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
    use crate::engine::TICK;

    #[test]
    fn the_databases_time_is_not_the_guests() {
        let mut meter = CpuMeter {
            used: Duration::ZERO,
            limit: TICK * 100,
            resumed: None,
        };
        for _ in 0..500 {
            meter.pause();
            meter.resume(TICK * 3);
            assert_eq!(meter.measure(), Ok(()));
        }
        assert!(meter.used < TICK * 100, "{:?}", meter.used);
        // A tick that interrupts what has run since before the latest statement counts whole.
        let before = meter.used;
        meter.pause();
        assert_eq!(meter.measure(), Ok(()));
        assert_eq!(meter.used, before + TICK);
    }
}
