//! What an engine provides: a database, and a transaction on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::transfer::{Import, Manifest, TransferError};
use crate::{
    Budget, Dialect, Effects, Error, Event, Failure, Feed, MigrationError, OpenError, Recorded,
    RecordingStore, Registry, Replicas, Rows, Seen, SlowStatement, Stats, StorageFault, Usage,
    Value,
};
use contract::{Access, Migration};

/// A database that runs transactions.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Returns which SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// Begins a transaction. Waits in order of arrival for the writer or a connection, until
    /// [`wait_until`](field@Budget::wait_until) and never past the deadline. Cancel-safe.
    ///
    /// # Errors
    /// Returns [`Error::Busy`] if the wait was too long, and [`Error::Unavailable`] if the
    /// database does not answer. No transaction was begun.
    async fn begin(&self, access: Access, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Begins a write transaction for [`Transaction::migrate`]. Only the migrations may change the
    /// schema; [`Transaction::query`] and [`Transaction::execute`] have the same rights as in every
    /// other transaction.
    ///
    /// # Errors
    /// As [`Database::begin`].
    async fn begin_migration(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Begins a transaction as [`Database::begin_migration`] does, for migrations that are rolled
    /// back after a self-test on the result. It does not see what others commit meanwhile, so the
    /// self-test may count rows. A write by another transaction may end it with
    /// [`Error::Conflict`].
    ///
    /// # Errors
    /// As [`Database::begin`].
    async fn begin_trial(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Checks that the database answers and can still make writes durable.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] or [`Error::Storage`] with the reason if not. A disk that
    /// refuses writes is not an error here: reads work.
    async fn ping(&self) -> Result<(), Error>;

    /// Looks for faults of the files that no transaction meets, and whether a known one is over. Call
    /// this every few seconds. What it finds is logged, and [`Database::fault`] returns it.
    async fn watch(&self) {}

    /// Returns what is known to be wrong with the files of the database. An engine whose files are on
    /// another machine knows nothing.
    fn fault(&self) -> Option<StorageFault> {
        None
    }

    /// Deletes the recorded answers that are older than `age` and returns their number.
    ///
    /// # Errors
    /// As [`Database::begin`]. What was deleted until then stays deleted.
    async fn forget_answers(&self, age: Duration) -> Result<u64, Error>;

    /// Gathers statistics for the engine's query planner, for the tables that have changed much since
    /// the last time, and returns how many. Call this now and then, and before the database is closed.
    /// Waits for a moment without writes, and holds the writer for at most 100 ms at a time. A table
    /// that takes longer is left for the next call. An engine that does this by itself does nothing here.
    ///
    /// # Errors
    /// As [`Database::begin`]. What was gathered until then stays.
    async fn analyze(&self) -> Result<u64, Error> {
        Ok(0)
    }

    /// Returns the engine's plan for a statement of the logic: a line for each step, indented. The
    /// statement does not run. The plan has the names of tables and indexes, and never a value.
    ///
    /// `params` are values that it was run with, as far as they are known: PostgreSQL may plan by them.
    ///
    /// # Errors
    /// As [`Database::begin`], within a second or two. [`Error::Rejected`] if the statement does not
    /// compile any more.
    async fn explain(&self, statement: &str, params: &[Value]) -> Result<String, Error>;

    /// Returns the host's tables of components and deployments.
    fn registry(&self) -> &dyn Registry;

    /// Returns the hosts that share the database. `None` if it belongs to this host alone.
    fn replicas(&self) -> Option<&dyn Replicas>;

    /// Returns the events that committed transactions have published.
    fn feed(&self) -> &dyn Feed;

    /// Opens the place of recordings that outlive this process, and creates it if it is missing.
    /// Returns `None` if the database does not outlive it either. Blocks for a moment.
    ///
    /// # Errors
    /// Returns [`OpenError`] if the place cannot be used. The database can.
    fn open_recordings(&self) -> Result<Option<Arc<dyn RecordingStore>>, OpenError> {
        Ok(None)
    }

    /// Begins to fill the logic's tables with a copy from another database. Nobody else writes
    /// until it ends.
    ///
    /// # Errors
    /// Returns [`TransferError`] if the tables are not empty or differ from those of the copy.
    /// Nothing was begun.
    async fn import(&self, manifest: &Manifest) -> Result<Box<dyn Import>, TransferError>;

    /// Returns whether everything that a read transaction saw is unchanged at the moment of this call.
    /// An engine with other writers than this host cannot tell.
    fn unchanged(&self, _seen: &Seen) -> bool {
        false
    }

    /// Returns what the database has done since it was opened, for metrics.
    fn stats(&self) -> &Stats;
}

/// One transaction. Dropping it without [`Transaction::commit`] rolls it back.
#[async_trait]
pub trait Transaction: Send {
    /// Sets how much memory the results of the next statements may take, in bytes each. Unlimited
    /// until it is set.
    fn set_room(&mut self, bytes: usize);

    /// Runs one statement of the logic that returns rows.
    ///
    /// # Errors
    /// The inner [`Failure`] is for the logic. After it the transaction is spent, and every further
    /// statement fails. [`Error`] is for the host.
    async fn query(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<Rows, Failure>, Error>;

    /// Runs one statement of the logic and returns the number of rows it changed.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    async fn execute(
        &mut self,
        statement: &str,
        params: &[Value],
    ) -> Result<Result<u64, Failure>, Error>;

    /// Runs recorded statements again, in order, until one has another result. Returns whether all
    /// have the result that was recorded. If not, they are not charged to the budget. They may have
    /// ended the transaction then: see [`Transaction::spent`].
    ///
    /// # Errors
    /// As the [`Error`] of [`Transaction::query`].
    async fn repeats(&mut self, statements: &[Recorded]) -> Result<bool, Error>;

    /// Returns the names of the columns of a statement that has just run, in order. Empty if they are not
    /// known any more.
    async fn columns(&mut self, statement: &str) -> Vec<String>;

    /// Returns what the statements so far have seen, for [`Database::unchanged`]. `None` if a result
    /// depends on chance, or this is not a read transaction.
    fn seen(&self) -> Option<Seen>;

    /// Applies those of `migrations` that were not applied yet, in order, and returns their
    /// names. Only in a transaction from [`Database::begin_migration`] or
    /// [`Database::begin_trial`].
    ///
    /// As far as both lists reach, `migrations` must agree with what was applied, in name and
    /// checksum. If the database has applied more, that is accepted only if `rollback` is true.
    ///
    /// # Errors
    /// The inner [`MigrationError`] names the migration. The transaction is then spent.
    async fn migrate(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error>;

    /// Returns the answer recorded under an idempotency key. Not charged to the budget.
    ///
    /// # Errors
    /// As the [`Error`] of [`Transaction::query`]. Returns [`Error::Rejected`] if the transaction
    /// is spent.
    async fn recall(&mut self, key: &str) -> Result<Option<RecordedAnswer>, Error>;

    /// Records an answer under an idempotency key, in this transaction. Not charged to the budget.
    ///
    /// # Errors
    /// As [`Transaction::recall`]. Returns [`Error::Conflict`] if the key already has an answer.
    async fn record(&mut self, key: &str, answer: &RecordedAnswer) -> Result<(), Error>;

    /// Adds an event to those that the [`Feed`] delivers once this transaction has committed. An
    /// engine may write it only in [`Transaction::commit`]. Not charged to the budget: the caller
    /// limits the number of events. In a spent transaction this does nothing.
    ///
    /// # Errors
    /// Returns [`Failure`] in a read transaction. Nothing was added.
    fn publish(&mut self, event: Event) -> Result<(), Failure>;

    /// Sets a mark for [`Transaction::undo`]. It hides an earlier mark.
    ///
    /// # Errors
    /// As the [`Error`] of [`Transaction::query`]. Returns [`Error::Rejected`] if the transaction is
    /// spent.
    async fn mark(&mut self) -> Result<(), Error>;

    /// Undoes everything since the latest mark: what was written and published, and a [`Failure`], which
    /// had spent the transaction. The budget is whole again, apart from its time. The mark stays.
    ///
    /// # Errors
    /// Returns [`Error`] if the transaction was ended otherwise, or the engine has rolled it back.
    async fn undo(&mut self) -> Result<(), Error>;

    /// Returns what the logic has done since the latest mark, without what was undone. Rows are counted
    /// only after a mark.
    ///
    /// PostgreSQL counts the changed rows of each table, also those that rules and foreign keys change.
    /// SQLite counts the rows that a statement changes, with its triggers and the actions of foreign keys,
    /// at the table that the statement names. It does not count what REPLACE deletes.
    ///
    /// # Errors
    /// As [`Transaction::recall`].
    async fn effects(&mut self) -> Result<Effects, Error>;

    /// Checks what a commit would check.
    ///
    /// # Errors
    /// Returns [`Error::Rejected`] if a deferred constraint does not hold or the transaction was spent.
    /// Only [`Transaction::undo`] helps then.
    async fn check(&mut self) -> Result<(), Error>;

    /// Commits, and returns when everything that the transaction wrote or saw is durable.
    /// Once the future was polled, dropping it does not cancel the commit.
    ///
    /// # Errors
    /// Returns [`Error::Rejected`] if a deferred constraint does not hold or the transaction was
    /// spent: it was rolled back. Returns [`Error::OutcomeUnknown`] if it cannot be found out
    /// whether it was committed, or if it may not be durable: the caller must neither acknowledge
    /// the request nor run it again.
    async fn commit(self: Box<Self>) -> Result<(), Error>;

    /// Checks what a commit would check, and then rolls back as [`Transaction::rollback`] does. For a
    /// dry run: its answer is the one that a commit would have been answered with. A conflict with
    /// other transactions that only a commit finds is not found.
    ///
    /// # Errors
    /// Returns [`Error::Rejected`] if a deferred constraint does not hold or the transaction was
    /// spent, and the errors of [`Transaction::rollback`].
    async fn rehearse(self: Box<Self>) -> Result<(), Error>;

    /// Rolls back, and returns when everything that the transaction saw is durable. Use it for an
    /// answer that shows a client what the logic read, such as a problem. For other answers,
    /// dropping the transaction is enough.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if durability could not be reached: what the transaction saw
    /// may be lost.
    async fn rollback(self: Box<Self>) -> Result<(), Error>;

    /// Returns whether the logic may begin again in this transaction later, and nobody can tell: it only
    /// reads, it has not ended, and each of its statements runs within a single poll, so that the caller
    /// need not wait.
    fn can_begin_again(&self) -> bool {
        false
    }

    /// Forgets what the logic's statements have used and noted since the usage was `before`, and that one
    /// has failed, because the logic begins again. Only if [`Transaction::can_begin_again`] returned true
    /// before these statements.
    fn begin_again(&mut self, _before: Usage) {}

    /// Returns whether a failed statement or an [`Error`] ended the transaction. Then it cannot be
    /// committed, even if the logic returns success.
    fn spent(&self) -> bool;

    /// Returns the statements of the logic that took longer than the database was told to note, and
    /// forgets them here. At most [`SlowStatement::KEPT`] of a transaction are kept.
    fn take_slow(&mut self) -> Vec<SlowStatement>;

    /// Returns when the transaction must be over: the budget's deadline, or an earlier time for a
    /// write, see [`Budget::hold`].
    fn deadline(&self) -> Instant;

    /// Returns how long the database has worked for this transaction so far.
    fn busy(&self) -> Duration;

    /// Returns how many statements have run and how much they returned.
    fn usage(&self) -> Usage;
}

/// An answer stored under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// SHA-256 over the request: method, path, query and body.
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// The headers that belong to the answer: names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The uncompressed body.
    pub body: Vec<u8>,
}
