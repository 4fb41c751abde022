//! The first log lines of calls, kept for whoever ordered the calls: a deployment shows the lines of
//! `describe` and `check` to the operator who ordered it.

use std::sync::Arc;

use parking_lot::Mutex;

use contract::text::{clipped, escaped};

/// Maximum number of lines that are kept.
const MAX_LINES: usize = 40;
/// Maximum size of a line, in bytes. Longer lines are cut off.
const MAX_LINE_BYTES: usize = 500;

/// The log lines of calls: the first ones, each on one line and within a bound. Clones share the
/// lines.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<String>,
    /// Lines for which there was no room.
    further: usize,
}

impl Lines {
    /// Adds a line. `text` is called only if there is room.
    pub(super) fn add(&self, text: impl FnOnce() -> String) {
        let mut kept = self.0.lock();
        if kept.lines.len() < MAX_LINES {
            let text = text();
            let line = escaped(clipped(&text, MAX_LINE_BYTES));
            kept.lines.push(match text.len() > MAX_LINE_BYTES {
                true => format!("{line}…"),
                false => line.into_owned(),
            });
        } else {
            kept.further += 1;
        }
    }

    /// Returns a copy of the lines, as [`Lines::take`] does.
    pub fn kept(&self) -> Vec<String> {
        let kept = self.0.lock();
        with_further(kept.lines.clone(), kept.further)
    }

    /// Takes the lines. If there were more than are kept, the last one says how many.
    pub fn take(&self) -> Vec<String> {
        let Kept { lines, further } = std::mem::take(&mut *self.0.lock());
        with_further(lines, further)
    }
}

fn with_further(mut lines: Vec<String>, further: usize) -> Vec<String> {
    if further > 0 {
        lines.push(format!("{further} more lines are in the host's log"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_kept_each_on_one_line_and_the_others_are_counted() {
        let lines = Lines::default();
        lines.add(|| "info: a\n\u{1b}[31mb".into());
        lines.add(|| "é".repeat(400));
        for number in 0..50 {
            lines.add(|| format!("info: {number}"));
        }
        let kept = lines.take();
        assert_eq!(kept.len(), MAX_LINES + 1);
        assert_eq!(kept[0], "info: a\\n\\u001b[31mb");
        assert_eq!(kept[1], format!("{}…", "é".repeat(250)));
        assert_eq!(kept[39], "info: 37");
        assert_eq!(kept[40], "12 more lines are in the host's log");
        assert_eq!(lines.take(), Vec::<String>::new());
    }
}
