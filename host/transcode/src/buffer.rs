//! The buffer into which JSON is written. The size of the text and the time of writing are limited.
//!
//! Values are written piece by piece, and few pieces are near a limit. So the limits are checked
//! only where the buffer grows, and at least every 64 KiB of text. Once a limit is exceeded, the
//! buffer accepts nothing more and [`Buffer::check`] fails. Lists check after each item, so writing
//! ends soon. The memory of the buffer never exceeds the limit.

use std::io;
use std::time::Instant;

use super::layout::ResultError;

/// The limits of one answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerLimits {
    /// Maximum size of the JSON, in bytes.
    pub bytes: usize,
    /// When the answer must have been written.
    pub deadline: Instant,
}

/// Size of a buffer before anything is written.
const FIRST_CAPACITY: usize = 512;
/// How much may be written before the time is checked again.
const UNTIMED: usize = 64 << 10;

/// JSON that is being written.
pub(crate) struct Buffer {
    /// The text, and zeros up to the length that is accepted without a check. A piece that fits into
    /// the zeros needs no other check.
    bytes: Vec<u8>,
    /// The length of the text.
    length: usize,
    limits: AnswerLimits,
    /// The limit that was exceeded.
    exceeded: Option<ResultError>,
}

impl Buffer {
    pub(crate) fn new(limits: AnswerLimits) -> Self {
        Buffer {
            bytes: vec![0; FIRST_CAPACITY.min(limits.bytes)],
            length: 0,
            limits,
            exceeded: None,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        if self.length < self.bytes.len() || self.grow(1) {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }

    #[inline]
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.extend_with(bytes.len(), |room| room.copy_from_slice(bytes));
    }

    /// Appends `size` bytes that `fill` writes.
    #[inline]
    pub(crate) fn extend_with(&mut self, size: usize, fill: impl FnOnce(&mut [u8])) {
        if size <= self.bytes.len() - self.length || self.grow(size) {
            fill(&mut self.bytes[self.length..][..size]);
            self.length += size;
        }
    }

    /// Counts memory that is needed beside the text, until [`Buffer::release`].
    pub(crate) fn claim(&mut self, size: usize) {
        let left = self.limits.bytes.checked_sub(size);
        match left.filter(|left| self.length <= *left) {
            Some(left) => {
                self.limits.bytes = left;
                self.bytes.truncate(left);
            }
            None => self.exceed(ResultError::AnswerTooLarge),
        }
    }

    /// Ends a claim.
    pub(crate) fn release(&mut self, size: usize) {
        self.limits.bytes += size;
    }

    /// Returns the exceeded limit as an error.
    pub(crate) fn check(&self) -> Result<(), ResultError> {
        match &self.exceeded {
            None => Ok(()),
            Some(exceeded) => Err(exceeded.clone()),
        }
    }

    /// Returns the whole text.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, ResultError> {
        self.check()?;
        self.bytes.truncate(self.length);
        Ok(self.bytes)
    }

    /// Makes room for a piece. Returns false if a limit is exceeded.
    #[cold]
    fn grow(&mut self, size: usize) -> bool {
        let length = self.length.saturating_add(size);
        if self.exceeded.is_some() {
            return false;
        }
        if length > self.limits.bytes {
            self.exceed(ResultError::AnswerTooLarge);
            return false;
        }
        if Instant::now() >= self.limits.deadline {
            self.exceed(ResultError::Deadline);
            return false;
        }
        let capacity = self.bytes.capacity();
        if length > capacity {
            let capacity = capacity.saturating_mul(2).min(self.limits.bytes);
            self.bytes
                .reserve_exact(capacity.max(length) - self.bytes.len());
        }
        let unchecked = length
            .saturating_add(UNTIMED)
            .min(self.bytes.capacity())
            .min(self.limits.bytes);
        self.bytes.resize(unchecked, 0);
        true
    }

    fn exceed(&mut self, limit: ResultError) {
        self.exceeded.get_or_insert(limit);
        self.bytes.truncate(self.length);
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(bytes);
        match self.exceeded {
            None => Ok(bytes.len()),
            Some(_) => Err(io::ErrorKind::FileTooLarge.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn buffer(bytes: usize) -> Buffer {
        Buffer::new(AnswerLimits {
            bytes,
            deadline: Instant::now() + Duration::from_secs(600),
        })
    }

    #[test]
    fn a_text_may_be_as_long_as_the_limit_and_no_longer() {
        for limit in [0, 1, 511, 512, 513, 5000, 100_000, 200_001] {
            let mut exact = buffer(limit);
            for _ in 0..limit {
                exact.push(b'x');
            }
            assert_eq!(exact.finish().map(|bytes| bytes.len()), Ok(limit));
            let mut above = buffer(limit);
            for _ in 0..=limit {
                above.push(b'x');
            }
            assert_eq!(above.length, limit);
            assert_eq!(above.finish(), Err(ResultError::AnswerTooLarge));
        }
    }

    #[test]
    fn the_memory_of_a_buffer_stays_within_its_limit() {
        let mut out = buffer(100_000);
        while out.check().is_ok() {
            out.extend_from_slice(b"some text");
            assert!(out.bytes.capacity() <= 100_000);
        }
        let mut out = buffer(1000);
        out.extend_with(usize::MAX, |_| panic!("it has no room"));
        assert_eq!(out.bytes.capacity(), 512);
        assert_eq!(out.finish(), Err(ResultError::AnswerTooLarge));
    }

    #[test]
    fn nothing_is_appended_after_a_limit_was_exceeded() {
        let mut out = buffer(600);
        out.extend_from_slice(b"kept");
        out.extend_from_slice(&[b'x'; 597]);
        out.push(b'y');
        assert_eq!(out.bytes[..out.length], *b"kept");
        assert_eq!(out.check(), Err(ResultError::AnswerTooLarge));
    }

    #[test]
    fn writing_ends_soon_after_its_deadline() {
        let mut out = Buffer::new(AnswerLimits {
            bytes: usize::MAX,
            deadline: Instant::now(),
        });
        let mut length = 0;
        while out.check().is_ok() {
            out.push(b'x');
            length += 1;
        }
        assert!(length <= UNTIMED, "{length}");
        assert_eq!(out.finish(), Err(ResultError::Deadline));
    }

    #[test]
    fn claimed_memory_counts_until_it_is_released() {
        let mut out = buffer(1000);
        out.claim(990);
        out.extend_from_slice(&[b'x'; 10]);
        assert_eq!(out.check(), Ok(()));
        out.release(990);
        out.extend_from_slice(&[b'x'; 990]);
        assert_eq!(out.check(), Ok(()));
        out.claim(1);
        assert_eq!(out.finish(), Err(ResultError::AnswerTooLarge));
    }
}
