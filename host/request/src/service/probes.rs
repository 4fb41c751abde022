//! What is asked beside requests: the logic's figures, and whether the host's parts work.

use std::time::Instant;

use super::Service;
use crate::admission::overloaded;
use crate::{Health, Refusal};
use contract::Access;

impl Service {
    /// Asks the logic for its figures, in a read transaction.
    ///
    /// # Errors
    /// As [`Service::answer`].
    pub async fn health(&self) -> Result<Health, Refusal> {
        let health = self.ask_health().await;
        if let Err(Refusal::Fault(fault)) = &health {
            self.metrics.faulted(fault.code());
        }
        health
    }

    async fn ask_health(&self) -> Result<Health, Refusal> {
        self.check_lease()?;
        let turn = tokio::time::timeout(self.limits.wait, self.health_calls.acquire());
        // The semaphore is never closed, so no permit is the time-out.
        let Ok(Ok(_permit)) = turn.await else {
            return Err(overloaded());
        };
        let arrived = Instant::now();
        let transaction = self
            .database
            .begin(Access::Read, self.budget(arrived))
            .await?;
        let revision = self.active();
        let health = revision
            .logic
            .health(self.call(transaction, arrived, None))
            .await?;
        Ok(match health {
            Ok(figures) => Health {
                figures,
                unhealthy: None,
            },
            Err(reason) => Health {
                figures: Vec::new(),
                unhealthy: Some(reason),
            },
        })
    }

    /// Whether the database answers and can make writes durable, and this host may answer. A
    /// failure counts as a request's would: where every host is not ready, no request comes that
    /// could tell.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] with the reason.
    pub async fn ready(&self) -> Result<(), Refusal> {
        let ready = match self.check_lease() {
            Ok(()) => self.database.ping().await.map_err(Refusal::from),
            lapsed => lapsed,
        };
        if matches!(ready, Err(Refusal::Unavailable(_))) {
            self.metrics.database_unavailable();
        }
        ready
    }

    /// A host without a lease may have been passed by: what it would answer may be of the past.
    pub(super) fn check_lease(&self) -> Result<(), Refusal> {
        match self.lease.holds() {
            true => Ok(()),
            false => Err(Refusal::Unavailable(
                "this host's lease has run out: it cannot reach the database, or cannot serve the \
                 active component"
                    .into(),
            )),
        }
    }

    /// Whether what runs the logic can still end a call at its deadline.
    pub fn alive(&self) -> bool {
        self.traffic.load().active.logic.alive()
    }
}
