//! The summary of a test run: what ran, what failed, and what was left out.
//!
//! A test run that silently leaves something out looks like one that passed. On a developer's machine
//! the summary therefore shows what was left out and how to run it. In CI (`CI=true`) that is a failure.

use std::fmt;
use std::process::ExitCode;

/// How one part of a test run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran and found no fault.
    Passed,
    /// It ran and found a fault. The text says which.
    Failed(String),
    /// It could not run here.
    LeftOut {
        /// What is missing.
        why: String,
        /// What to do to run it.
        remedy: String,
    },
    /// It was skipped. The text says why.
    Skipped(&'static str),
}

/// The parts of a test run in the order in which they ran.
#[derive(Debug, Default)]
pub struct Summary {
    parts: Vec<(&'static str, Outcome)>,
}

impl Summary {
    /// Adds a part.
    pub fn add(&mut self, name: &'static str, outcome: Outcome) {
        self.parts.push((name, outcome));
    }

    /// Whether the whole run passed. If `strict`, a part that was left out is a failure.
    pub fn passed(&self, strict: bool) -> bool {
        self.parts.iter().all(|(_, outcome)| match outcome {
            Outcome::Passed | Outcome::Skipped(_) => true,
            Outcome::Failed(_) => false,
            Outcome::LeftOut { .. } => !strict,
        })
    }

    /// Prints the summary and returns the exit status for the whole run.
    pub fn finish(&self, strict: bool) -> ExitCode {
        eprint!("\n{self}");
        if self.passed(strict) {
            return ExitCode::SUCCESS;
        }
        if strict && self.passed(false) {
            eprintln!("\nCI is set, so a part that was left out is a failure.");
        }
        ExitCode::FAILURE
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "==> Summary")?;
        for (name, outcome) in &self.parts {
            match outcome {
                Outcome::Passed => writeln!(f, "    passed    {name}")?,
                Outcome::Failed(reason) => writeln!(f, "    FAILED    {name}: {reason}")?,
                Outcome::LeftOut { .. } => writeln!(f, "    LEFT OUT  {name}")?,
                Outcome::Skipped(reason) => writeln!(f, "    -         {name}: {reason}")?,
            }
        }
        for (name, outcome) in &self.parts {
            if let Outcome::LeftOut { why, remedy } = outcome {
                writeln!(f, "\n!!! {name} did NOT run: {why}")?;
                writeln!(f, "!!! To run it: {remedy}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out() -> Outcome {
        Outcome::LeftOut {
            why: "python3 is missing".into(),
            remedy: "apt install python3-venv".into(),
        }
    }

    fn summary(outcomes: impl IntoIterator<Item = Outcome>) -> Summary {
        let mut summary = Summary::default();
        for outcome in outcomes {
            summary.add("API check", outcome);
        }
        summary
    }

    #[test]
    fn a_failure_fails_the_run() {
        let run = summary([Outcome::Passed, Outcome::Failed("exit status: 1".into())]);
        assert!(!run.passed(false));
        assert_eq!(
            run.to_string(),
            "==> Summary\n    passed    API check\n    FAILED    API check: exit status: 1\n"
        );
    }

    #[test]
    fn what_was_left_out_fails_the_run_in_ci_only() {
        let run = summary([Outcome::Passed, left_out()]);
        assert!(run.passed(false));
        assert!(!run.passed(true));
    }

    #[test]
    fn a_part_that_was_left_out_is_shown_with_the_way_to_run_it() {
        let text = summary([left_out()]).to_string();
        assert!(text.contains("LEFT OUT  API check"), "{text}");
        assert!(text.contains("!!! API check did NOT run: python3 is missing"));
        assert!(text.contains("!!! To run it: apt install python3-venv"));
    }

    #[test]
    fn a_skipped_part_is_no_failure() {
        let run = summary([Outcome::Passed, Outcome::Skipped("a filter was given")]);
        assert!(run.passed(true));
    }
}
