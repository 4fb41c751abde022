//! The time and randomness of a request.

use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::platform::{Host, Platform};

/// Returns the time of the request. It stands still during the request.
pub fn now() -> Datetime {
    Host.now()
}

/// Returns a point in time as microseconds since 1970, as statements store it.
pub fn micros(time: Datetime) -> i64 {
    let seconds = i64::try_from(time.seconds).unwrap_or(i64::MAX);
    let micros = i64::from(time.nanoseconds / 1_000);
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}

/// Returns the point in time of microseconds since 1970. Times before 1970 are not available.
pub(crate) fn datetime(micros: i64) -> Option<Datetime> {
    let micros = u64::try_from(micros).ok()?;
    Some(Datetime {
        seconds: micros / 1_000_000,
        nanoseconds: (micros % 1_000_000) as u32 * 1_000,
    })
}

/// Returns random bytes that nobody can predict. At most 64 KiB.
#[cfg(target_family = "wasm")]
pub fn random_bytes(count: usize) -> Vec<u8> {
    crate::bindings::wasi::random::random::get_random_bytes(count as u64)
}

/// Returns random bytes. On the build machine they are only good enough for tests.
#[cfg(not(target_family = "wasm"))]
pub fn random_bytes(count: usize) -> Vec<u8> {
    use std::hash::{BuildHasher, RandomState};

    let keys = RandomState::new();
    (0..count).map(|index| keys.hash_one(index) as u8).collect()
}

/// Returns a new random UUID (version 4), such as `0b6d2b06-3c0d-4a5b-9d6c-6c1f6a5d0f3e`.
///
/// ```
/// let id = task_host_sdk::uuid();
/// assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));
/// ```
pub fn uuid() -> String {
    let mut bytes = random_bytes(16);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}
