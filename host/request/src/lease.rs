//! How long this host may answer: without end if the database is its own, else as long as its lease
//! lasts.
//!
//! Two clocks measure the lease, and it ends as soon as either says so: the monotonic clock may
//! stand still while a machine is suspended, and the wall clock may be set back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long this host may answer. Shared between the task that extends it and the requests that
/// check it.
#[derive(Debug)]
pub struct Lease {
    origin: Instant,
    /// The end in microseconds since `origin`.
    until: AtomicU64,
    /// The end in microseconds since 1970.
    until_by_date: AtomicU64,
}

/// The monotonic clock and the wall clock, read at the same time.
#[derive(Debug, Clone, Copy)]
pub struct ClockReading {
    instant: Instant,
    date: SystemTime,
}

impl ClockReading {
    /// Reads both clocks.
    pub fn now() -> Self {
        ClockReading {
            instant: Instant::now(),
            date: SystemTime::now(),
        }
    }
}

impl Lease {
    /// A lease that never ends.
    pub fn unbounded() -> Self {
        Self::until(u64::MAX)
    }

    /// A lease that has not been granted yet.
    pub fn none() -> Self {
        Self::until(0)
    }

    fn until(end: u64) -> Self {
        Lease {
            origin: Instant::now(),
            until: end.into(),
            until_by_date: end.into(),
        }
    }

    /// Makes the lease last at least until `time` after `from`.
    pub fn extend(&self, from: ClockReading, time: Duration) {
        let until = from.instant.saturating_duration_since(self.origin) + time;
        self.until.fetch_max(micros(until), Relaxed);
        // Not the maximum: if the wall clock was ahead and is set back, the maximum would stay far
        // in the future.
        let until = from.date.duration_since(UNIX_EPOCH).unwrap_or_default() + time;
        self.until_by_date.store(micros(until), Relaxed);
    }

    /// Ends the lease now.
    pub fn end(&self) {
        self.until.store(0, Relaxed);
    }

    /// Whether the lease has not ended.
    pub fn holds(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// How much longer the lease lasts. [`Duration::MAX`] if it never ends.
    pub fn remaining(&self) -> Duration {
        let until = self.until.load(Relaxed);
        if until == u64::MAX {
            return Duration::MAX;
        }
        let now = micros(self.origin.elapsed());
        let date = SystemTime::now().duration_since(UNIX_EPOCH);
        let by_date = self.until_by_date.load(Relaxed);
        let by_date = by_date.saturating_sub(micros(date.unwrap_or_default()));
        Duration::from_micros(until.saturating_sub(now).min(by_date))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_when_it_was_requested_and_not_from_when_it_was_granted() {
        let lease = Lease::none();
        assert!(!lease.holds());
        let requested = ClockReading::now();
        lease.extend(requested, Duration::from_secs(60));
        assert!(lease.holds());
        let long_ago = ClockReading {
            instant: Instant::now(),
            date: SystemTime::now() - Duration::from_secs(61),
        };
        lease.extend(long_ago, Duration::from_secs(60));
        assert!(!lease.holds(), "by its wall clock, the machine slept");
        lease.extend(ClockReading::now(), Duration::from_secs(60));
        lease.end();
        assert!(!lease.holds());
    }

    #[test]
    fn the_lease_of_a_single_host_never_ends() {
        assert_eq!(Lease::unbounded().remaining(), Duration::MAX);
    }
}
