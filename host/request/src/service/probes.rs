//! Health, readiness and liveness: the logic's figures, and whether the host's parts work.

use std::time::Instant;

use super::Service;
use crate::admission::overloaded;
use crate::{Error, Health, StorageFault};
use contract::Access;

impl Service {
    /// Asks the logic for its figures, in a read transaction.
    ///
    /// # Errors
    /// As [`Service::answer`].
    pub async fn health(&self) -> Result<Health, Error> {
        let health = self.ask_health().await;
        if let Err(Error::Fault(fault)) = &health {
            self.metrics.faulted(fault.code());
        }
        health
    }

    async fn ask_health(&self) -> Result<Health, Error> {
        self.check_lease()?;
        let arrived = Instant::now();
        let until = self.patience(arrived).until(arrived);
        let turn = tokio::time::timeout_at(until.into(), self.health_calls.acquire());
        // The semaphore is never closed, so an error is the time-out.
        let Ok(Ok(_permit)) = turn.await else {
            return Err(overloaded());
        };
        let budget = self.budget(arrived, until);
        let transaction = self.database.begin(Access::Read, budget).await?;
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

    /// Checks that this host holds its lease and that the database answers and can make writes
    /// durable.
    ///
    /// A failure counts in the metrics as a request's failure does: if no host is ready, no
    /// requests arrive that could count it.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] or [`Error::Storage`] with the reason.
    pub async fn ready(&self) -> Result<(), Error> {
        let ready = match self.check_lease() {
            Ok(()) => self.database.ping().await.map_err(Error::from),
            lapsed => lapsed,
        };
        if matches!(ready, Err(Error::Unavailable(_) | Error::Storage(_))) {
            self.metrics.database_unavailable();
        }
        ready
    }

    /// Returns what is known to be wrong with the files of the database. If only the disk is full, this
    /// host is ready: it answers reads.
    pub fn storage_fault(&self) -> Option<StorageFault> {
        self.database.fault()
    }

    /// Whether the engine that runs the logic can still end a call at its deadline.
    pub fn alive(&self) -> bool {
        self.active().logic.alive()
    }
}
