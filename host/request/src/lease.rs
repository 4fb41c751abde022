//! The time for which this host may answer: without end where the database is its own, else what
//! was granted last.
//!
//! Two clocks are asked, and either is enough to end it: the monotonic one may stand still while
//! a machine is suspended, and the other may be set back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time for which this host may answer. Shared by who extends it and who asks.
#[derive(Debug)]
pub struct Lease {
    origin: Instant,
    /// The end in microseconds since `origin`.
    until: AtomicU64,
    /// The end in microseconds since 1970.
    until_by_date: AtomicU64,
}

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    instant: Instant,
    date: SystemTime,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Moment {
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

    /// A lease that was not granted yet.
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

    /// Lets it last for `time` from a moment on, where it does not last longer already.
    pub fn extend(&self, from: Moment, time: Duration) {
        let until = from.instant.saturating_duration_since(self.origin) + time;
        self.until.fetch_max(micros(until), Relaxed);
        // Not the maximum: a clock that was set back would leave it far ahead.
        let until = from.date.duration_since(UNIX_EPOCH).unwrap_or_default() + time;
        self.until_by_date.store(micros(until), Relaxed);
    }

    /// Ends it now.
    pub fn end(&self) {
        self.until.store(0, Relaxed);
    }

    /// Whether it lasts.
    pub fn holds(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// How long it still lasts.
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
    fn a_lease_holds_from_when_it_was_asked_for_and_not_from_when_it_was_granted() {
        let lease = Lease::none();
        assert!(!lease.holds());
        let asked = Moment::now();
        lease.extend(asked, Duration::from_secs(60));
        assert!(lease.holds());
        let long_ago = Moment {
            instant: Instant::now(),
            date: SystemTime::now() - Duration::from_secs(61),
        };
        lease.extend(long_ago, Duration::from_secs(60));
        assert!(!lease.holds(), "the machine slept, by its date");
        lease.extend(Moment::now(), Duration::from_secs(60));
        lease.end();
        assert!(!lease.holds());
    }

    #[test]
    fn what_belongs_to_one_host_is_never_lost() {
        assert_eq!(Lease::unbounded().remaining(), Duration::MAX);
    }
}
