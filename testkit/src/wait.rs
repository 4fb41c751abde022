//! Waits for something that can only be polled for.

use std::thread;
use std::time::{Duration, Instant};

/// Limit for anything that must happen in a test, generous enough for a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Pause between two polls.
const PAUSE: Duration = Duration::from_millis(3);

/// Polls until `ask` returns a value. Returns `None` if the time passes without one.
pub fn until<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() >= deadline {
            return answer;
        }
        thread::park_timeout(PAUSE);
    }
}

/// Polls until `ask` returns a value.
///
/// # Panics
/// If [`DEADLINE`] passes without a value.
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until(DEADLINE, ask).unwrap_or_else(|| panic!("never happened: {what}"))
}
