//! Migrations: one host at a time applies them, each statement with the logic's login.

use super::engine::column;
use super::policy;
use super::transaction::PostgresTransaction;
use crate::migration::{Step, applied_steps};
use crate::stop::Stop;
use crate::{Dialect, Error, MigrationError, rules};
use contract::Migration;

/// Waits for other hosts' migrations and lists the applied ones.
pub(super) const APPLIED: &str = "SELECT name, checksum FROM task_host.applied_migrations($1)";

const RECORD: &str = "SELECT task_host.note_migration($1, $2, $3, $4)";

/// A change of a table waits for the requests that use the table, and all later requests wait for
/// the change. So it gives up soon.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '5s'";

/// A trial is never committed, so this checks what COMMIT would check.
const CHECK_CONSTRAINTS: &str = "SAVEPOINT checked; SET CONSTRAINTS ALL IMMEDIATE; \
                                 ROLLBACK TO SAVEPOINT checked; RELEASE SAVEPOINT checked";

impl PostgresTransaction {
    /// Applies the migrations that were not applied yet, in order, and returns their names.
    pub(super) async fn apply_migrations(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error> {
        self.state.check_migrates()?;
        let listed = Step::list(migrations, Dialect::Postgres);
        let secret = self.secret();
        let mut applied = Vec::new();
        let rows = match (self.host(APPLIED, &[&secret]).await, listed.first()) {
            // The server may still be ending an earlier migration that was too slow.
            (Err(Error::Deadline), Some(step)) => {
                let name = step.name.clone();
                return Ok(Err(MigrationError::Blocked { name }));
            }
            (rows, _) => rows?,
        };
        for row in rows {
            let checksum: Vec<u8> = column(&row, 1)?;
            applied.push(Step {
                name: column(&row, 0)?,
                checksum: checksum.try_into().map_err(|_| {
                    Error::Unavailable("a recorded migration cannot be read".into())
                })?,
            });
        }
        let first = match applied_steps(&listed, &applied, rollback) {
            Ok(first) => first,
            Err(error) => {
                self.state.end(Stop::refused(error.to_string()));
                return Ok(Err(error));
            }
        };
        let mut names = Vec::new();
        for (position, step) in listed.iter().enumerate().skip(first) {
            let last = position + 1 == listed.len();
            let text = &migrations[position].postgres;
            let checked = rules::migration_length(text);
            let migrated = match checked {
                Ok(()) => self.migrate_step(text, last).await,
                refused => refused,
            };
            if let Err(stop) = migrated {
                let name = step.name.clone();
                return match self.state.end(stop) {
                    Stop::Logic(failure) => Ok(Err(MigrationError::Failed {
                        name,
                        detail: failure.detail,
                    })),
                    Stop::Host(Error::Deadline) => Ok(Err(MigrationError::TooSlow { name })),
                    Stop::Host(Error::Conflict) => Ok(Err(MigrationError::Blocked { name })),
                    stop => Err(stop.into_error()),
                };
            }
            let at = position as i64;
            let checksum = &step.checksum[..];
            self.host(RECORD, &[&secret, &at, &step.name, &checksum])
                .await?;
            names.push(step.name.clone());
        }
        Ok(Ok(names))
    }

    async fn migrate_step(&mut self, text: &str, last: bool) -> Result<(), Stop> {
        self.batch(LOCK_TIMEOUT).await?;
        for statement in policy::migration(text).map_err(Stop::refused)? {
            self.migration_statement(statement).await?;
        }
        if last {
            self.batch(CHECK_CONSTRAINTS).await?;
        }
        Ok(())
    }
}
