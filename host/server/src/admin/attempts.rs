//! A limit of wrong tokens, for all clients together.
//!
//! The right token is always accepted, so that nobody can lock an operator out by sending wrong ones.
//! The limit bounds the work and the log lines that strangers can cause; guessing is prevented by the
//! length of the token. Both answers to a wrong token are given after the same comparison, so that
//! they say nothing about the token.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How many wrong tokens are answered with 401 at once, and logged each.
const BURST: u32 = 20;
/// After that, one wrong token in this time is.
const INTERVAL: Duration = Duration::from_millis(200);

/// The wrong tokens of the last seconds.
#[derive(Debug)]
pub(super) struct Attempts(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    /// When all of [`BURST`] is available again. Each attempt moves it by [`INTERVAL`].
    full_at: Instant,
    /// Whether an attempt was above the limit since all of it was available.
    exceeded: bool,
}

/// What becomes of a wrong token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrongToken {
    /// It is answered with 401.
    Answered,
    /// It is the first one above the limit since all of it was available.
    FirstAbove,
    /// It is above the limit.
    Above,
}

impl Attempts {
    /// Creates a limit that no attempt has touched.
    pub(super) fn new() -> Self {
        Attempts(Mutex::new(Bucket {
            full_at: Instant::now(),
            exceeded: false,
        }))
    }

    /// Counts a wrong token.
    pub(super) fn count(&self, now: Instant) -> WrongToken {
        let mut bucket = self.0.lock();
        if bucket.full_at <= now {
            bucket.full_at = now;
            bucket.exceeded = false;
        }
        let full_at = bucket.full_at + INTERVAL;
        if full_at - now <= INTERVAL * BURST {
            bucket.full_at = full_at;
            return WrongToken::Answered;
        }
        match std::mem::replace(&mut bucket.exceeded, true) {
            true => WrongToken::Above,
            false => WrongToken::FirstAbove,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_and_after_it_five_attempts_a_second() {
        let (attempts, start) = (Attempts::new(), Instant::now());
        let count = |after| attempts.count(start + after);
        for _ in 0..BURST {
            assert_eq!(count(Duration::ZERO), WrongToken::Answered);
        }
        assert_eq!(count(Duration::ZERO), WrongToken::FirstAbove);
        assert_eq!(count(Duration::from_millis(199)), WrongToken::Above);
        assert_eq!(count(INTERVAL), WrongToken::Answered);
        assert_eq!(count(INTERVAL), WrongToken::Above);
        let answered = (0..10_000u32)
            .map(|n| count(INTERVAL + Duration::from_millis(n.into())))
            .filter(|attempt| *attempt == WrongToken::Answered);
        assert_eq!(answered.count(), 49);
        let later = Duration::from_secs(60);
        let all: Vec<_> = (0..=BURST).map(|_| count(later)).collect();
        assert_eq!(all.last(), Some(&WrongToken::FirstAbove));
    }
}
