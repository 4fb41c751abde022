//! The service's database: a transaction for each request, and the host's own tables next to the
//! logic's.
//!
//! Two engines implement [`Database`]: [`sqlite`], embedded in one host, and [`postgres`], shared
//! by several hosts. [`connect()`] chooses one of them by its [`Location`].
//!
//! This crate must not know WebAssembly or HTTP. Statements and [values](value) come in; rows,
//! counts and errors go out. It is the only crate that depends on database drivers.
//!
//! | you look for | read |
//! | --- | --- |
//! | a request's transaction | [`Database::begin`], [`Transaction`], [`Budget`] |
//! | who is at fault when something fails | [`Failure`], [`Error`] |
//! | the logic's schema | [`Transaction::migrate`], [`MigrationError`] |
//! | the logic's events | [`Transaction::publish`], [`Feed`] |
//! | stored components and deployments | [`Registry`] |
//! | the hosts that share a database | [`Replicas`] |
//! | recordings and samples that outlive a process | [`RecordingStore`], [`Database::open_recordings`] |
//! | copies of the logic's data | [`transfer`], [`export`], [`view`], [`backup`], [`Database::import`] |
//! | which statements were slow, and why | [`Transaction::take_slow`], [`Database::explain`] |
//! | whether what was read is unchanged | [`Recorded`], [`Transaction::repeats`], [`Seen`], [`Database::unchanged`] |
//! | metrics | [`Stats`] |
//!
//! # Who is at fault
//! A [`Failure`] or a [`MigrationError`] is the logic's fault and is returned to the logic. An
//! [`Error`] never reaches the logic: the host ends the instance and answers the request, or runs
//! the request again.
//!
//! # Where a request waits
//! [`Database::begin`] waits in a queue (`queue.rs`), in order of arrival, until
//! [`wait_until`](field@Budget::wait_until) at most. In SQLite a write waits there for the one
//! writer. In PostgreSQL it waits for one of several connections, and a conflict between two writes
//! shows as [`Error::Conflict`].
//! From then on [`Budget::hold`] limits how long a write may keep the others waiting.
//!
//! # Durability
//! An answer may tell a client only what is durable. [`Transaction::commit`] waits for that, and
//! so does [`Transaction::rollback`], for answers that show what the logic read.
//!
//! # Lease, epoch and fence
//! Hosts that share a database serve the same component, also while it is replaced; [`replicas`]
//! explains how. In short: a host answers requests only while it has a *lease*, which a heartbeat
//! grants. Every change of the active component raises the *epoch*. The *fence* follows the epoch
//! when no host with a lease can still serve an older one, and a host below the fence gets no lease
//! and cannot commit.

mod budget;
mod connect;
mod database;
mod dialect;
mod effects;
mod error;
mod event;
mod feed;
mod location;
mod migration;
pub mod postgres;
mod queue;
mod recorded;
pub mod recordings;
pub mod registry;
pub mod replicas;
mod rules;
mod seen;
mod slow;
pub mod sqlite;
mod stats;
mod stop;
mod transaction_state;
pub mod transfer;
pub mod value;

pub use self::budget::{Attempt, Budget, Usage};
pub use self::connect::{Options, backup, check_place, connect, export, view};
pub use self::database::{Database, RecordedAnswer, Transaction};
pub use self::dialect::Dialect;
pub use self::effects::{Change, ChangedRows, Effects};
pub use self::error::{Cause, Error, Failure, Limit, MigrationError, OpenError, StorageFault};
pub use self::event::{Event, InvalidEvent};
pub use self::feed::{Cursor, Feed, Published};
pub use self::location::{Location, LocationError};
pub use self::migration::continues;
pub use self::recorded::{Digest, Found, Recorded};
pub use self::recordings::RecordingStore;
pub use self::registry::Registry;
pub use self::replicas::Replicas;
pub use self::seen::Seen;
pub use self::slow::SlowStatement;
pub use self::stats::Stats;
pub use self::value::{Cell, Rows, Span, Value};
