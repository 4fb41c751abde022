//! The goal of a command that changes the logic: it follows the deployment, reports it, and turns its
//! outcome into the command's success or failure.

use std::io::Write;
use std::ops::ControlFlow;

use super::client::{Client, Patience, Progress};
use super::report::Report;
use contract::deployment::{EventStatus, Outcome, Stage};
use deployment::model::Event;

/// The outcome that a command wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// The outcomes that are a success.
    outcomes: &'static [Outcome],
    /// Whether the command ends as soon as the new logic answers requests.
    switched: bool,
}

impl Goal {
    /// The new logic is the active one, and its probation is over.
    pub(super) const ACTIVE: Goal = Goal {
        outcomes: &[Outcome::Active],
        switched: false,
    };
    /// The new logic answers requests.
    pub(super) const SWITCHED: Goal = Goal {
        outcomes: &[Outcome::Active],
        switched: true,
    };
    /// The component passed every check.
    pub(super) const CHECKED: Goal = Goal {
        outcomes: &[Outcome::Checked],
        switched: false,
    };
    /// Earlier logic is active: by a deployment of its own, or because the deployment in probation or
    /// on trial was ended.
    pub(super) const BACK: Goal = Goal {
        outcomes: &[Outcome::Active, Outcome::Aborted, Outcome::RolledBack],
        switched: false,
    };
    /// The new logic is not active any more, for whatever reason.
    pub(super) const GONE: Goal = Goal {
        outcomes: &[Outcome::Aborted, Outcome::Rejected, Outcome::RolledBack],
        switched: false,
    };

    /// Follows a deployment until its outcome is known, and reports it. `after` is the last event that
    /// needs no report.
    ///
    /// # Errors
    /// Returns an error if the deployment had another outcome or cannot be followed.
    pub(super) async fn pursue<W: Write>(
        self,
        client: &Client,
        id: i64,
        after: Option<u64>,
        report: &mut Report<W>,
        patience: &Patience,
    ) -> anyhow::Result<()> {
        let mut switched = false;
        let report_progress = |progress: Progress<'_>| {
            report.progress(&progress);
            match progress {
                Progress::Event(event) if self.switched && answers(event) => {
                    switched = true;
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        };
        let deployment = client.follow(id, after, patience, report_progress).await?;
        let outcome = deployment.outcome.known();
        let good = outcome.is_some_and(|outcome| {
            self.outcomes.contains(&outcome) || (switched && outcome == Outcome::Running)
        });
        report.outcome(&deployment, good)
    }
}

/// Returns whether the new logic has requests since this event: it is active or on trial.
fn answers(event: &Event) -> bool {
    matches!(
        (event.stage.known(), event.status.known()),
        (Some(Stage::Switch), Some(EventStatus::Passed))
            | (
                Some(Stage::Canary | Stage::Shadow),
                Some(EventStatus::Began)
            )
    )
}
