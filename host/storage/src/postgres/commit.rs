//! What became of a COMMIT that was not answered.
//!
//! Every write transaction inserts a row of its own, by a token that nobody else has. Inserting it
//! once more waits for the first one to end, and then knows: a duplicate means that it was
//! committed, a success means that it was not and, from now on, cannot be.
//!
//! That question may go unanswered too, and is asked again then. So it leaves a mark beside the
//! token: a duplicate beside a mark is the question's own, and no commit.
//!
//! Tokens are forgotten after a while. A host that stood still for longer, in the middle of a COMMIT,
//! would find none and believe that nothing happened; so it believes no such answer once half of that
//! time is over.

use std::error::Error as StdError;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use rand::Rng as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::{Engine, failure};
use crate::Error;

/// Inserts the token, in the transaction that it stands for, unless the host's epoch was passed by.
pub(super) const SEAL: &str = "SELECT task_host.seal($1, $2, $3)";

/// Inserts it and the mark as the host.
const ASK: &str = "INSERT INTO task_host.commits (token) VALUES ($1::uuid), ($2::uuid)";

/// Whether the mark is there.
const ASKED: &str = "SELECT count(*) FROM task_host.commits WHERE token = $1";

/// How long a token is kept.
pub(super) const REMEMBERED: Duration = Duration::from_secs(3600);

/// How long the answer is looked for. A server that was restarted is back by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one attempt may take. Longer than the server keeps what a lost host has left behind, for
/// most requests; where it is not, the next attempt waits on.
const ATTEMPT: Duration = Duration::from_secs(4);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// What a write transaction is known by.
#[derive(Debug)]
pub(super) struct Token {
    bytes: [u8; 16],
    /// When it was made, before it was inserted. By two clocks: the monotonic one may stand still
    /// while a machine is suspended, and the other may be set back.
    made: (Instant, SystemTime),
}

impl Token {
    pub(super) fn new() -> Self {
        Self {
            bytes: rand::rng().random(),
            made: (Instant::now(), SystemTime::now()),
        }
    }

    /// What is inserted beside it by who asks about it.
    fn mark(&self) -> Self {
        Self {
            bytes: self.bytes.map(|byte| !byte),
            ..*self
        }
    }

    /// Whether it would certainly still be there, had it been committed.
    fn is_remembered(&self) -> bool {
        let (instant, date) = self.made;
        let age = instant.elapsed().max(date.elapsed().unwrap_or_default());
        age < REMEMBERED / 2
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

/// Finds out whether a transaction was committed.
///
/// # Errors
/// [`Error::Conflict`] when it was not: it may run again. [`Error::OutcomeUnknown`] when nobody
/// could say in time: it must not.
pub(super) async fn resolve(engine: &Engine, token: &Token) -> Result<(), Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        match ask(engine, token, until).await {
            Ok(false) if !token.is_remembered() => {
                tracing::error!("a commit was not answered, and it is too late to ask about it");
                let reason = "this host stood still for too long to find out";
                return Err(Error::OutcomeUnknown(reason.into()));
            }
            Ok(committed) => {
                tracing::info!(
                    committed,
                    "a commit was not answered; its outcome is known now"
                );
                return if committed {
                    Ok(())
                } else {
                    Err(Error::Conflict)
                };
            }
            Err(error) if Instant::now() + PAUSE >= until => {
                tracing::error!(%error, "a commit was not answered and its outcome stays unknown");
                return Err(Error::OutcomeUnknown("it was not answered".into()));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn ask(engine: &Engine, token: &Token, until: Instant) -> Result<bool, Error> {
    let until = until.min(Instant::now() + ATTEMPT);
    let mark = token.mark();
    let mut lease = engine.host.take(until).await?;
    match lease.ask(ASK, &[token, &mark], until).await? {
        Ok(_) => Ok(false),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            let asked = lease.ask(ASKED, &[&mark], until).await?;
            let rows = asked.map_err(|error| failure::sort_own(&error))?;
            Ok(rows.first().is_some_and(|row| row.get::<_, i64>(0) == 0))
        }
        Err(error) => Err(failure::sort_own(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_relied_upon_when_it_may_have_been_forgotten() {
        let mut token = Token::new();
        assert!(token.is_remembered());
        // The machine slept: the monotonic clock has not moved.
        token.made.1 -= REMEMBERED / 2;
        assert!(!token.is_remembered());
        // A clock that was set back makes nothing older or younger than the other one says.
        token.made.1 = SystemTime::now() + REMEMBERED;
        assert!(token.is_remembered());
    }
}
