//! Migrations: one host at a time applies them, each statement as the logic's own login.

use super::policy;
use super::transaction::PostgresTransaction;
use crate::migration::{Step, applied_steps};
use crate::stop::Stop;
use crate::{Error, MigrationError};
use contract::Migration;

/// Waits for other hosts' migrations and lists what was applied.
pub(super) const APPLIED: &str = "SELECT name, checksum FROM task_host.applied_migrations($1)";

const NOTE: &str = "SELECT task_host.note_migration($1, $2, $3, $4)";

/// A change of a table waits for the requests that use it, and everybody else waits behind it:
/// rather give up soon.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '5s'";

/// A trial is never committed, so what COMMIT would refuse is looked for before.
const CHECK_CONSTRAINTS: &str = "SAVEPOINT checked; SET CONSTRAINTS ALL IMMEDIATE; \
                                 ROLLBACK TO SAVEPOINT checked; RELEASE SAVEPOINT checked";

/// Applies what was not applied yet, in order, and returns the names.
pub(super) async fn apply(
    transaction: &mut PostgresTransaction,
    migrations: &[Migration],
    rollback: bool,
) -> Result<Result<Vec<String>, MigrationError>, Error> {
    if !transaction.migrates {
        let detail = "migrations run only in a transaction that was begun for them";
        return Err(Error::Unavailable(detail.into()));
    }
    let listed: Vec<Step> = migrations
        .iter()
        .map(|migration| Step::new(&migration.name, &migration.postgres))
        .collect();
    let secret = transaction.secret();
    let mut applied = Vec::new();
    for row in transaction.host(APPLIED, &[&secret]).await? {
        let checksum: Vec<u8> = row.get(1);
        applied.push(Step {
            name: row.get(0),
            checksum: checksum
                .try_into()
                .map_err(|_| Error::Unavailable("a recorded migration cannot be read".into()))?,
        });
    }
    let first = match applied_steps(&listed, &applied, rollback) {
        Ok(first) => first,
        Err(error) => {
            transaction.end(Stop::refused(error.to_string()));
            return Ok(Err(error));
        }
    };
    let mut names = Vec::new();
    for (position, step) in listed.iter().enumerate().skip(first) {
        let last = position + 1 == listed.len();
        match run(transaction, &migrations[position].postgres, last).await {
            Ok(()) => {}
            Err(stop) => {
                let name = step.name.clone();
                return match transaction.end(stop) {
                    Stop::Logic(failure) => Ok(Err(MigrationError::Failed {
                        name,
                        detail: failure.detail,
                    })),
                    Stop::Host(Error::Conflict) => Ok(Err(MigrationError::Blocked { name })),
                    Stop::Host(error) => Err(error),
                };
            }
        }
        let at = position as i64;
        let checksum = &step.checksum[..];
        transaction
            .host(NOTE, &[&secret, &at, &step.name, &checksum])
            .await?;
        names.push(step.name.clone());
    }
    Ok(Ok(names))
}

async fn run(transaction: &mut PostgresTransaction, text: &str, last: bool) -> Result<(), Stop> {
    transaction.step(LOCK_TIMEOUT, true).await?;
    for statement in policy::migration(text).map_err(Stop::refused)? {
        transaction.step(statement, false).await?;
    }
    if last {
        transaction.step(CHECK_CONSTRAINTS, true).await?;
    }
    Ok(())
}
