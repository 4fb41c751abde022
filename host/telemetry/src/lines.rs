//! The last log lines of this process, as they were written, for operators who look at one host.
//!
//! They are kept in memory, are bounded, and end with the process. A log collector keeps what must last.
//! Warnings and errors have a ring of their own, so that a busy host's line for each request does not
//! push them out.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use parking_lot::Mutex;
use tracing::Level;

/// Memory for warnings and errors, in bytes.
const SEVERE_BYTES: usize = 256 << 10;
/// Memory for all other lines, in bytes.
const OTHER_BYTES: usize = 1 << 20;
/// What a line takes beside its text.
const ENTRY_BYTES: usize = size_of::<LogLine>();
/// The longest text that is kept of a line.
const LONGEST: usize = 32 << 10;

/// The last lines of a log.
#[derive(Debug)]
pub struct Lines {
    next: AtomicU64,
    severe: Mutex<Ring>,
    others: Mutex<Ring>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Rises with every line.
    pub number: u64,
    /// When it was written.
    pub at: SystemTime,
    /// Its level.
    pub level: Level,
    /// The line as it was written, in the format of the log. The end of a very long one is missing.
    pub text: Box<[u8]>,
}

#[derive(Debug)]
struct Ring {
    /// The earliest first.
    lines: VecDeque<LogLine>,
    bytes: usize,
    limit_bytes: usize,
}

/// Returns the last lines of this process's log.
pub fn recent() -> &'static Lines {
    static RECENT: LazyLock<Lines> = LazyLock::new(|| Lines::new(SEVERE_BYTES, OTHER_BYTES));
    &RECENT
}

impl Lines {
    fn new(severe_bytes: usize, other_bytes: usize) -> Self {
        let ring = |limit_bytes| {
            Mutex::new(Ring {
                lines: VecDeque::new(),
                bytes: 0,
                limit_bytes,
            })
        };
        Lines {
            next: AtomicU64::new(1),
            severe: ring(severe_bytes),
            others: ring(other_bytes),
        }
    }

    /// Adds a line. The earliest ones go if there is no room.
    pub fn add(&self, level: Level, text: &[u8]) {
        let line = LogLine {
            number: self.next.fetch_add(1, Relaxed),
            at: SystemTime::now(),
            level,
            text: text[..text.len().min(LONGEST)].into(),
        };
        match level <= Level::WARN {
            true => self.severe.lock().add(line),
            false => self.others.lock().add(line),
        }
    }

    /// Returns the lines that are at least that severe, the latest first.
    pub fn latest(&self, least: Level) -> Vec<LogLine> {
        let kept = |ring: &Mutex<Ring>| -> Vec<LogLine> {
            let ring = ring.lock();
            let lines = ring.lines.iter();
            lines.filter(|line| line.level <= least).cloned().collect()
        };
        let mut lines = kept(&self.severe);
        if least > Level::WARN {
            lines.extend(kept(&self.others));
        }
        lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.number));
        lines
    }
}

impl Ring {
    fn add(&mut self, line: LogLine) {
        self.bytes += ENTRY_BYTES + line.text.len();
        self.lines.push_back(line);
        while self.bytes > self.limit_bytes {
            let Some(gone) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= ENTRY_BYTES + gone.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &Lines, least: Level) -> Vec<String> {
        let lines = lines.latest(least).into_iter();
        lines
            .map(|line| String::from_utf8(line.text.into_vec()).expect("text"))
            .collect()
    }

    #[test]
    fn the_latest_lines_of_a_level_come_first() {
        let lines = Lines::new(10_000, 10_000);
        lines.add(Level::INFO, b"one");
        lines.add(Level::ERROR, b"two");
        lines.add(Level::DEBUG, b"three");
        lines.add(Level::WARN, b"four");
        assert_eq!(texts(&lines, Level::TRACE), ["four", "three", "two", "one"]);
        assert_eq!(texts(&lines, Level::INFO), ["four", "two", "one"]);
        assert_eq!(texts(&lines, Level::WARN), ["four", "two"]);
        assert_eq!(texts(&lines, Level::ERROR), ["two"]);
    }

    #[test]
    fn many_lines_are_bounded_and_do_not_push_out_warnings() {
        let lines = Lines::new(10_000, 10_000);
        lines.add(Level::WARN, b"a warning");
        for number in 0..10_000 {
            lines.add(Level::INFO, format!("line {number}").as_bytes());
        }
        let kept = texts(&lines, Level::INFO);
        assert_eq!(kept[0], "line 9999");
        assert_eq!(kept.last().map(String::as_str), Some("a warning"));
        assert!(lines.others.lock().bytes <= 10_000);
        assert!((50..200).contains(&kept.len()), "{}", kept.len());
    }

    #[test]
    fn a_line_that_does_not_fit_leaves_nothing_behind() {
        let lines = Lines::new(1_000, 1_000);
        lines.add(Level::INFO, &[b'x'; 2_000]);
        assert_eq!(texts(&lines, Level::INFO), [""; 0]);
        assert_eq!(lines.others.lock().bytes, 0);
        let wide = Lines::new(100_000, 100_000);
        wide.add(Level::INFO, &[b'x'; 50_000]);
        assert_eq!(texts(&wide, Level::INFO)[0].len(), LONGEST);
    }
}
