//! The gate's work on the data: the migrations and the self-test.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Described, Gate};
use crate::journal::Journal;
use crate::rejection::Rejection;
use contract::Description;
use contract::deployment::Stage;
use runtime::{Call, Interruption, Lines, Record, ServiceError};
use storage::{self, Attempt, Budget, MigrationError};

/// How often a transaction is tried if it conflicts with transactions of clients.
const ATTEMPTS: u32 = 12;
/// After this time it is not tried again: while a change of a table waits for its lock, everything
/// else that uses the table waits too.
const ATTEMPTS_END: Duration = Duration::from_secs(5);
/// The longest pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(50);

impl Gate {
    /// Applies the migrations and runs the self-test on the result, in a transaction that is
    /// rolled back. `was_active`: the database may have migrations that came later. `time`: how long
    /// each attempt may hold up writes.
    pub(super) async fn check(
        &self,
        journal: &Journal,
        described: &Described,
        was_active: bool,
        time: Duration,
    ) -> Result<(), Rejection> {
        let mut attempts = Attempts::begin();
        loop {
            let lines = Lines::default();
            let checked = self.check_once(described, was_active, time, &lines);
            match checked.await {
                Err(rejection) if attempts.allow_another(&rejection) => pause().await,
                decided => {
                    journal.note_log(Stage::Check, lines.take());
                    return decided;
                }
            }
        }
    }

    async fn check_once(
        &self,
        described: &Described,
        was_active: bool,
        time: Duration,
        lines: &Lines,
    ) -> Result<(), Rejection> {
        let Described {
            program,
            description,
        } = described;
        let mut trial = self.database.begin_trial(self.budget(time)).await?;
        trial.migrate(&description.migrations, was_active).await??;
        let call = Call {
            dialect: self.database.dialect(),
            deadline: self.deadline(),
            transaction: trial,
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            seed: None,
            span: tracing::Span::current(),
            lines: Some(lines.clone()),
            record: Record::default(),
        };
        let checked = self.runtime.check(program, call).await?;
        checked.map_err(Rejection::Check)
    }

    /// Applies the migrations that the database does not have yet. `was_active`: the database may
    /// have migrations that came later.
    ///
    /// # Errors
    /// Returns a [`Rejection`]; no migration was applied then.
    pub(crate) async fn migrate(
        &self,
        description: &Description,
        was_active: bool,
    ) -> Result<(), Rejection> {
        let mut attempts = Attempts::begin();
        let applied = loop {
            match self.migrate_once(description, was_active).await {
                Err(rejection) if attempts.allow_another(&rejection) => pause().await,
                decided => break decided?,
            }
        };
        for name in &applied {
            tracing::info!(migration.name = name, "applied migration {name}");
        }
        Ok(())
    }

    async fn migrate_once(
        &self,
        description: &Description,
        was_active: bool,
    ) -> Result<Vec<String>, Rejection> {
        let mut transaction = self
            .database
            .begin_migration(self.budget(self.migration_time))
            .await?;
        let migrations = &description.migrations;
        let applied = transaction.migrate(migrations, was_active).await??;
        if !applied.is_empty() {
            transaction.commit().await?;
        }
        Ok(applied)
    }

    /// The budget of migrations that may take this long after they have waited for the writer.
    fn budget(&self, time: Duration) -> Budget {
        let wait_until = Instant::now() + self.patience;
        Budget {
            deadline: wait_until + time,
            wait_until,
            hold: time,
            statements: u32::MAX,
            rows: u64::MAX,
            bytes: u64::MAX,
            attempt: Attempt::Repeated,
        }
    }
}

/// How often a transaction may still be tried.
struct Attempts {
    began: Instant,
    left: u32,
}

impl Attempts {
    fn begin() -> Self {
        Attempts {
            began: Instant::now(),
            left: ATTEMPTS,
        }
    }

    /// Returns whether to try again after this rejection.
    fn allow_another(&mut self, rejection: &Rejection) -> bool {
        self.left -= 1;
        self.left > 0 && is_conflict(rejection) && self.began.elapsed() < ATTEMPTS_END
    }
}

/// Waits for a random time, so that two transactions that met once do not meet again.
async fn pause() {
    tokio::time::sleep(PAUSE.mul_f64(rand::random())).await;
}

/// Returns whether the transaction conflicted with another one, which says nothing about the
/// component.
fn is_conflict(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::Migration(MigrationError::Blocked { .. })
            | Rejection::Database(storage::Error::Conflict)
            | Rejection::Service(ServiceError::Interrupted(
                _,
                Interruption::Database(storage::Error::Conflict)
            ))
    )
}
