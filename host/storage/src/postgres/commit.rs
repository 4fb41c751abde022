//! Finds out whether a transaction was committed, if the answer to its COMMIT was lost.
//!
//! Every write transaction inserts a row with a unique token. To find out, the host inserts the same
//! token again. This waits until the first transaction has ended. If the token is then a duplicate,
//! the transaction was committed. If the insert succeeds, the transaction was not committed and no
//! longer can be.
//!
//! The answer to this second insert may be lost as well; then the host repeats it. So the second
//! insert also stores a mark: if the mark exists, the duplicate comes from an earlier attempt and
//! not from the transaction.
//!
//! Tokens are deleted after some time. If a host is suspended for longer in the middle of a COMMIT,
//! it would find no token and conclude that nothing was committed. So after half of that time it
//! does not rely on a missing token.

use std::error::Error as StdError;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use rand::Rng as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::engine::{Engine, column};
use super::failure;
use crate::Error;

/// Inserts the token, in the transaction that it identifies, unless the host's epoch is below the
/// fence.
pub(super) const SEAL: &str = "SELECT task_host.seal($1, $2, $3)";

/// Inserts the token and the mark, with the host's login.
const INSERT_AGAIN: &str = "INSERT INTO task_host.commits (token) VALUES ($1::uuid), ($2::uuid)";

/// Counts the mark.
const COUNT_MARK: &str = "SELECT count(*) FROM task_host.commits WHERE token = $1";

/// How long a token is kept.
pub(super) const TOKEN_AGE: Duration = Duration::from_secs(3600);

/// How long the host tries to find out. A restarted server is available again by then.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long one attempt may take. For most requests this is longer than the server keeps the
/// transaction of a lost connection open. If it is not, the next attempt waits again.
const ATTEMPT: Duration = Duration::from_secs(4);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Identifies a write transaction.
#[derive(Debug)]
pub(super) struct Token {
    bytes: [u8; 16],
    /// When it was made, before it was inserted. By two clocks: the monotonic clock may stop while
    /// the machine is suspended, and the other one may be set back.
    made: (Instant, SystemTime),
}

impl Token {
    pub(super) fn new() -> Self {
        Self {
            bytes: rand::rng().random(),
            made: (Instant::now(), SystemTime::now()),
        }
    }

    /// Returns the mark, which is inserted together with the token to find out its outcome.
    fn mark(&self) -> Self {
        Self {
            bytes: self.bytes.map(|byte| !byte),
            ..*self
        }
    }

    /// Returns whether the token cannot have been deleted yet, if it was committed.
    fn is_still_kept(&self) -> bool {
        let (instant, date) = self.made;
        let age = instant.elapsed().max(date.elapsed().unwrap_or_default());
        age < TOKEN_AGE / 2
    }
}

impl ToSql for Token {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn accepts(expected: &Type) -> bool {
        *expected == Type::UUID
    }

    to_sql_checked!();
}

/// Finds out whether a transaction was committed, and succeeds if it was.
///
/// # Errors
/// Returns [`Error::Conflict`] if it was not committed: it may run again. Returns
/// [`Error::OutcomeUnknown`] if the outcome could not be found out in time: it must not run again.
pub(super) async fn resolve(engine: &Engine, token: &Token) -> Result<(), Error> {
    let until = Instant::now() + TIMEOUT;
    loop {
        match was_committed(engine, token, until).await {
            Ok(false) if !token.is_still_kept() => {
                tracing::error!(
                    "the answer to a commit was lost, and it is too late to find out its outcome"
                );
                let reason = "this host was suspended for too long to find out";
                return Err(Error::OutcomeUnknown(reason.into()));
            }
            Ok(committed) => {
                tracing::info!(
                    committed,
                    "the answer to a commit was lost; its outcome was found out"
                );
                return if committed {
                    Ok(())
                } else {
                    Err(Error::Conflict)
                };
            }
            Err(error) if Instant::now() + PAUSE >= until => {
                tracing::error!(
                    %error,
                    "the answer to a commit was lost, and its outcome could not be found out"
                );
                return Err(Error::OutcomeUnknown("the database did not answer".into()));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn was_committed(engine: &Engine, token: &Token, until: Instant) -> Result<bool, Error> {
    let until = until.min(Instant::now() + ATTEMPT);
    let mark = token.mark();
    let mut lease = engine.host.take(until, until).await?;
    match lease.query(INSERT_AGAIN, &[token, &mark], until).await? {
        Ok(_) => Ok(false),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            let marks = lease.query(COUNT_MARK, &[&mark], until).await?;
            let rows = marks.map_err(|error| failure::classify_own(&error))?;
            let marks: Option<i64> = rows.first().map(|row| column(row, 0)).transpose()?;
            Ok(marks == Some(0))
        }
        Err(error) => Err(failure::classify_own(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_token_is_not_relied_on_when_it_may_have_been_deleted() {
        let mut token = Token::new();
        assert!(token.is_still_kept());
        // The machine was suspended, so the monotonic clock has not moved.
        token.made.1 -= TOKEN_AGE / 2;
        assert!(!token.is_still_kept());
        // If the clock was set back, the monotonic clock decides.
        token.made.1 = SystemTime::now() + TOKEN_AGE;
        assert!(token.is_still_kept());
    }
}
