//! The feed: every event that a committed transaction published, in one order, for as long as
//! they are kept.
//!
//! An engine writes events in the transaction that published them, so they exist exactly when
//! what they tell of does. A reader sees the feed grow at its end and shrink at its beginning,
//! and never sees an event whose commit a crash could still undo.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::{Error, Event};

/// A place in a feed: after one event, or before the first. What it is made of is the engine's
/// matter, but that places of one feed compare, byte by byte, as they lie in it. It is ASCII
/// without spaces, so it fits into a header and a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

impl Cursor {
    /// A place by its name, as an engine made it or as a client sends it back: [`Feed::after`]
    /// judges whether it is one.
    pub fn new(name: impl Into<String>) -> Self {
        Cursor(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The place after it.
    pub cursor: Cursor,
    /// What the logic published.
    pub event: Event,
    /// When it was committed, in milliseconds since the Unix epoch, by the clock of the process
    /// that did; two neighbours may have it the other way round.
    pub at_ms: i64,
}

/// Reads a database's events and forgets old ones.
#[async_trait]
pub trait Feed: Send + Sync {
    /// The place after the last event that can be read now.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Unavailable`].
    async fn end(&self) -> Result<Cursor, Error>;

    /// The events after a place, the oldest first, at most `limit`; all of them are durable.
    /// None: some event after the place may have been forgotten, or it is no place of this feed,
    /// so who asks has to look at the data itself again.
    ///
    /// What one call returned, a later one from the same place returns again, but for what was
    /// forgotten meanwhile; new events only come behind.
    ///
    /// # Errors
    /// As [`Feed::end`].
    async fn after(&self, place: &Cursor, limit: u32) -> Result<Option<Vec<Published>>, Error>;

    /// Returns when there may be events after a place: at once where there are, and otherwise
    /// soon after the first was committed. Cancel-safe.
    ///
    /// # Errors
    /// As [`Feed::end`].
    async fn awaken(&self, place: &Cursor) -> Result<(), Error>;

    /// Deletes the events that are older than `age`, and the oldest of more than `count`. Returns
    /// how many; the newest event stays, whatever its age.
    ///
    /// # Errors
    /// As [`Feed::end`]; what was deleted before stays deleted.
    async fn forget_events(&self, age: Duration, count: u64) -> Result<u64, Error>;
}
