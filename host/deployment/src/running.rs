//! The deployment that runs on this host: one task, which the process owns until it has ended.

use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

use super::deployments::Deployments;
use super::history;
use super::journal::Journal;

/// A deployment that runs here, or ran last.
pub(super) struct Running {
    journal: Arc<Journal>,
    task: JoinHandle<()>,
}

impl Deployments {
    /// Owns a deployment's task until the next one, or the end of the process.
    pub(super) fn run(
        &self,
        journal: Arc<Journal>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = tokio::spawn(work);
        *self.lock_running() = Some(Running { journal, task });
    }

    /// Ends a deployment as aborted; false: it does not run here.
    pub(super) async fn interrupt(&self, id: i64, reason: String) -> bool {
        let Some(journal) = self.drop_running(id).await else {
            return false;
        };
        self.undo(&journal, "aborted", ("aborted", reason)).await;
        true
    }

    /// The deployment that runs here.
    pub(super) fn running_here(&self) -> Option<i64> {
        let running = self.lock_running();
        let running = running.as_ref().filter(|of| !of.task.is_finished());
        running.map(|of| of.journal.id)
    }

    /// Ends the work on a deployment, wherever it is, and returns its journal; none: it does not
    /// run here.
    pub(super) async fn drop_running(&self, id: i64) -> Option<Arc<Journal>> {
        let running = self
            .lock_running()
            .take_if(|current| current.journal.id == id && !current.task.is_finished())?;
        running.task.abort();
        // It is over either way.
        let _ = running.task.await;
        Some(running.journal)
    }

    pub(super) fn journal(&self, id: i64) -> Option<Arc<Journal>> {
        let running = self.lock_running();
        let journal = &running.as_ref()?.journal;
        (journal.id == id).then(|| journal.clone())
    }

    /// Ends what runs, for the end of the process. A deployment in probation goes on with it
    /// when the host starts again, or on another host at once.
    pub async fn stop(&self) {
        self.stop_declaring();
        let following = self
            .following
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(following) = following {
            following.abort();
            // It is over either way.
            let _ = following.await;
        }
        self.stop_running().await;
        if let Some(member) = &self.member {
            member.leave().await;
        }
    }

    async fn stop_running(&self) {
        let Some(id) = self.running_here() else {
            return;
        };
        let Some(journal) = self.drop_running(id).await else {
            return;
        };
        let Ok(Some(row)) = self.registry().deployment(id).await else {
            return;
        };
        match row.stage.as_str() {
            "probation" => {
                let report = history::report(&journal.events());
                let paused = self.registry();
                let paused = paused.advance_deployment(row.id, "paused", &report).await;
                if let Err(error) = paused {
                    tracing::warn!("cannot note that the probation goes on later: {error}");
                }
            }
            stage @ ("canary" | "shadow") => {
                let reason = format!("the host stopped while the component was a {stage}");
                let reason = ("host-stopped", reason);
                self.undo(&journal, "aborted", reason).await;
            }
            _ => {}
        }
    }

    // What it guards is whole also where a holder panicked.
    fn lock_running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
