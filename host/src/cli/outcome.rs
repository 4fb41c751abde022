//! What a command that changes the logic wants, and what it came to: the deployment is followed,
//! told, and turned into the command's success or failure.

use std::io::Write;
use std::ops::ControlFlow;

use super::client::{Client, Patience, Progress};
use super::report::Report;
use deployment::model::Event;

/// What a deployment is to come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// The outcomes that are a success.
    outcomes: &'static [&'static str],
    /// Whether it is enough that the new logic answers.
    switched: bool,
}

impl Goal {
    /// The new logic is the active one, for good.
    pub(super) const ACTIVE: Goal = Goal {
        outcomes: &["active"],
        switched: false,
    };
    /// The new logic answers requests.
    pub(super) const SWITCHED: Goal = Goal {
        outcomes: &["active"],
        switched: true,
    };
    /// Every check was passed.
    pub(super) const CHECKED: Goal = Goal {
        outcomes: &["checked"],
        switched: false,
    };
    /// Logic from before is active: by a deployment of its own, or because the one in probation
    /// was ended by going back.
    pub(super) const BACK: Goal = Goal {
        outcomes: &["active", "aborted", "rolled-back"],
        switched: false,
    };
    /// The new logic is away again, however that came.
    pub(super) const GONE: Goal = Goal {
        outcomes: &["aborted", "rejected", "rolled-back"],
        switched: false,
    };

    /// Follows a deployment until it is decided, and tells of it. `after` is the last event that
    /// needs no telling.
    ///
    /// # Errors
    /// Where it came to something else, or cannot be followed.
    pub(super) async fn pursue<W: Write>(
        self,
        client: &Client,
        id: i64,
        after: Option<u64>,
        report: &mut Report<W>,
        patience: &Patience,
    ) -> anyhow::Result<()> {
        let mut switched = false;
        let told = |progress: Progress<'_>| {
            report.progress(&progress);
            match progress {
                Progress::Event(event) if self.switched && answers(event) => {
                    switched = true;
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        };
        let deployment = client.follow(id, after, patience, told).await?;
        let outcome = deployment.outcome.as_str();
        let good = self.outcomes.contains(&outcome) || (switched && outcome == "running");
        report.outcome(&deployment, good)
    }
}

/// Whether the new logic answers requests since this event.
fn answers(event: &Event) -> bool {
    matches!(
        (event.stage.as_str(), event.status.as_str()),
        ("switch", "passed") | ("canary" | "shadow", "began")
    )
}
