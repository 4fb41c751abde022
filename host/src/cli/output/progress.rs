//! The progress of an export or import, reported on standard error about once a second.

use std::io::Write as _;
use std::time::{Duration, Instant};

use storage::transfer::Table;

/// The shortest time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// Counts the rows that have been copied.
pub(in crate::cli) struct Progress {
    /// What happens to the rows, in the past tense.
    verb: &'static str,
    total: u64,
    done: u64,
    began: Instant,
    last_report: Instant,
}

impl Progress {
    /// Starts to count the rows of these tables. `verb` is the first word of each report.
    pub(in crate::cli) fn new(verb: &'static str, tables: &[Table]) -> Self {
        Progress {
            verb,
            total: tables.iter().map(|table| table.rows).sum(),
            done: 0,
            began: Instant::now(),
            last_report: Instant::now(),
        }
    }

    /// Adds rows that have been copied, and reports if a report is due.
    pub(in crate::cli) fn add(&mut self, rows: usize) {
        self.done += rows as u64;
        if self.last_report.elapsed() >= INTERVAL {
            self.last_report = Instant::now();
            report(&format!(
                "{} {} of {} rows",
                self.verb, self.done, self.total
            ));
        }
    }

    /// Reports the number of rows and the time that the copy took.
    pub(in crate::cli) fn finish(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        report(&format!(
            "{} {} rows in {seconds:.1} s",
            self.verb, self.done
        ));
    }
}

/// Writes a line. If standard error is closed, the copy goes on without reports.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
