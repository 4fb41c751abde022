//! A database, a transaction, and the values that pass between them.
//!
//! Two engines: [`sqlite`], embedded, and [`postgres`], for many hosts. A transaction belongs to one request; dropping it rolls back.
//! [`Failure`] is the logic's fault and goes back to it; [`Error`] never reaches the logic: the
//! host ends the instance and answers, or runs the request again.
//!
//! An answer may tell a client only what is durable. [`Transaction::commit`] waits for that, and
//! so does [`Transaction::rollback`] for the problems that the logic found in what it read.

mod budget;
mod error;
mod event;
mod feed;
mod location;
mod migration;
pub mod postgres;
pub mod registry;
pub mod replicas;
pub mod sqlite;
mod stats;
mod stop;
pub mod transfer;
pub mod value;

use std::time::{Duration, Instant};

use async_trait::async_trait;

pub use self::budget::{Budget, Usage};
pub use self::error::{Cause, Error, Failure, Limit, MigrationError, OpenError};
pub use self::event::{Event, InvalidEvent};
pub use self::feed::{Cursor, Feed, Published};
pub use self::location::{Location, LocationError, Options, connect};
pub use self::migration::continues;
pub use self::registry::Registry;
pub use self::replicas::Replicas;
pub use self::stats::Stats;
pub use self::value::{Cell, Rows, Span, Value};
use contract::{Access, Migration};

/// Which SQL a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded engine.
    Sqlite,
    /// The engine for many replicas.
    Postgres,
}

/// A database that runs transactions.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// Begins a transaction. A write waits for the writer in order of arrival, at most
    /// [`Budget::wait`], and never past the deadline. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Busy`] when the wait was too long, [`Error::Unavailable`] when the database
    /// does not answer. Nothing was begun.
    async fn begin(&self, access: Access, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Begins a write transaction for [`Transaction::migrate`]. Only
    /// the migrations may change the schema; [`Transaction::query`] and [`Transaction::execute`]
    /// may do what they may do in every other transaction.
    ///
    /// # Errors
    /// As [`Database::begin`].
    async fn begin_migration(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Begins a transaction as [`Database::begin_migration`] does, for migrations that are rolled
    /// back after a self-test on the result. It does not see what others commit meanwhile, so that
    /// the test may count; a write of theirs may end it in [`Error::Conflict`].
    ///
    /// # Errors
    /// As [`Database::begin`].
    async fn begin_trial(&self, budget: Budget) -> Result<Box<dyn Transaction>, Error>;

    /// Whether the database answers and can still make writes durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason.
    async fn ping(&self) -> Result<(), Error>;

    /// Deletes the recorded answers that are older than `age` and returns their number.
    ///
    /// # Errors
    /// As [`Database::begin`]; what was deleted before stays deleted.
    async fn forget_answers(&self, age: Duration) -> Result<u64, Error>;

    /// What the host remembers of components and deployments.
    fn registry(&self) -> &dyn Registry;

    /// The hosts that share it; none: it belongs to this one.
    fn replicas(&self) -> Option<&dyn Replicas>;

    /// The events that its transactions have published.
    fn feed(&self) -> &dyn Feed;

    /// Begins to fill the logic's tables with a copy of others. Nobody else writes until it ends.
    ///
    /// # Errors
    /// [`TransferError`](transfer::TransferError) where the tables are not empty, or not those
    /// of the copy; nothing was begun.
    async fn import(
        &self,
        manifest: &transfer::Manifest,
    ) -> Result<Box<dyn transfer::Import>, transfer::TransferError>;

    /// What the database has done since it was opened, for metrics.
    fn stats(&self) -> &Stats;
}

/// One transaction. Dropping it without [`Transaction::commit`] rolls it back.
#[async_trait]
pub trait Transaction: Send {
    /// Runs one statement of the logic that returns rows.
    ///
    /// # Errors
    /// The inner [`Failure`] is for the logic; after it the transaction is spent, and every
    /// further statement fails. [`Error`] is for the host.
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

    /// Applies those of `migrations` that were not applied yet, in order, and returns their
    /// names. Only in a transaction from [`Database::begin_migration`].
    ///
    /// The list must agree with what was applied, name and checksum, as far as both reach.
    /// Applied steps beyond the list are accepted only where `rollback` is true.
    ///
    /// # Errors
    /// The inner [`MigrationError`] names the step; the transaction is then spent.
    async fn migrate(
        &mut self,
        migrations: &[Migration],
        rollback: bool,
    ) -> Result<Result<Vec<String>, MigrationError>, Error>;

    /// The answer recorded under an idempotency key. Not charged to the budget.
    ///
    /// # Errors
    /// [`Error`] as in [`Transaction::query`]; [`Error::Rejected`] when the transaction is spent.
    async fn recall(&mut self, key: &str) -> Result<Option<RecordedAnswer>, Error>;

    /// Records an answer under an idempotency key, in this transaction. Not charged to the budget.
    ///
    /// # Errors
    /// As [`Transaction::recall`]; [`Error::Conflict`] when the key has an answer already.
    async fn record(&mut self, key: &str, answer: &RecordedAnswer) -> Result<(), Error>;

    /// Adds an event to those that the [`Feed`] delivers when this transaction has committed;
    /// [`Transaction::commit`] may be what writes them. Not charged to the budget: who calls this
    /// bounds their number. In a transaction that is spent nothing happens.
    ///
    /// # Errors
    /// [`Failure`] in a read transaction: nothing was added.
    fn publish(&mut self, event: Event) -> Result<(), Failure>;

    /// Commits, and returns when everything that the transaction wrote or saw is durable.
    /// Once it was polled, the commit itself is not cancelled by dropping the future.
    ///
    /// # Errors
    /// [`Error::Rejected`] where a deferred constraint does not hold or the transaction was
    /// spent: it was rolled back. [`Error::OutcomeUnknown`] where nobody can say whether it
    /// happened, or where it may not last: the caller must neither acknowledge nor run it again.
    async fn commit(self: Box<Self>) -> Result<(), Error>;

    /// Rolls back, and returns when everything that the transaction saw is durable: for answers
    /// that tell a client what the logic saw, such as a problem. Where nothing of that kind goes
    /// to the client, dropping the transaction is enough.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where durability could not be reached: what was seen may be lost.
    async fn rollback(self: Box<Self>) -> Result<(), Error>;

    /// Whether a statement failed or an [`Error`] ended the transaction. It cannot be committed
    /// then, also where the logic returned a success all the same.
    fn spent(&self) -> bool;

    /// When the transaction must be over: the budget's deadline, or sooner for a write that
    /// would hold the writer for too long.
    fn deadline(&self) -> Instant;

    /// How long the database has worked for this transaction so far.
    fn busy(&self) -> Duration;

    /// How many statements have run and how many rows they returned.
    fn usage(&self) -> Usage;
}

/// An answer kept under an idempotency key.
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
