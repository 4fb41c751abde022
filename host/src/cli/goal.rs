//! The goal of a command that changes the logic: follows its deployment, reports on it, and turns
//! the outcome into success or failure.

use std::io::Write;
use std::ops::ControlFlow;

use super::client::{Client, RetryPolicy, Update};
use super::output::report::Report;
use contract::deployment::{EventStatus, Outcome, Stage};
use deployment::model::{Deployment, Event};

/// What a deployment must reach for the command to succeed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// The outcomes that are a success.
    outcomes: &'static [Outcome],
    /// Whether the command succeeds as soon as the new logic answers requests.
    switched: bool,
}

impl Goal {
    /// The new logic is active, and its probation is over.
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
    /// Earlier logic is active again: by a deployment of its own, or because the deployment in
    /// probation was aborted or rolled back.
    pub(super) const BACK: Goal = Goal {
        outcomes: &[Outcome::Active, Outcome::Aborted, Outcome::RolledBack],
        switched: false,
    };
    /// The new logic no longer serves, for whatever reason.
    pub(super) const GONE: Goal = Goal {
        outcomes: &[Outcome::Aborted, Outcome::Rejected, Outcome::RolledBack],
        switched: false,
    };

    /// Follows a deployment until the goal is reached or the deployment has ended, and reports on
    /// it. Events up to `after` are not reported.
    ///
    /// # Errors
    /// The deployment ended with another outcome, or could not be followed.
    pub(super) async fn follow<W: Write>(
        self,
        client: &Client,
        id: i64,
        after: Option<u64>,
        report: &mut Report<W>,
        retry: &RetryPolicy,
    ) -> anyhow::Result<()> {
        let mut switched = false;
        let on_update = |update: Update<'_>| {
            report.update(&update);
            match update {
                Update::Event(event) if self.switched && answers(event) => {
                    switched = true;
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        };
        let deployment = client.follow(id, after, retry, on_update).await?;
        if switched && deployment.outcome == Outcome::Running {
            return report.outcome(&deployment, true);
        }
        self.judge(&deployment, report)
    }

    /// Reports how a deployment ended.
    ///
    /// # Errors
    /// The goal was not reached.
    pub(super) fn judge<W: Write>(
        self,
        deployment: &Deployment,
        report: &mut Report<W>,
    ) -> anyhow::Result<()> {
        let outcome = deployment.outcome.known();
        let success = outcome.is_some_and(|outcome| self.outcomes.contains(&outcome));
        report.outcome(deployment, success)
    }
}

/// Returns whether the new logic answers requests from this event on.
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
