//! The feed: the events of all committed transactions, in one order, until they are deleted.
//!
//! An engine writes events in the transaction that published them, so an event exists if and only
//! if the changes that it reports do. A reader sees events added at the end of the feed and removed
//! at its beginning. It never sees an event whose commit a crash could still undo.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Error, Event};

/// A place in a feed: after one event, or before the first. Its format depends on the engine, but
/// comparing two places of one feed byte by byte gives their order in the feed. It is ASCII without
/// spaces, so it can be used in a header and in a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

impl Cursor {
    /// Makes a place from the text that an engine made or that a client sent back. It is not
    /// checked here: [`Feed::after`] decides whether the feed has this place.
    pub fn new(text: impl Into<String>) -> Self {
        Cursor(text.into())
    }

    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many bytes of events [`Feed::after`] returns before it leaves the rest to the next call. The
/// readers of all clients that catch up hold such a page.
pub(crate) const PAGE_BYTES: usize = 64 << 10;

/// An event and its place in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The place after the event.
    pub cursor: Cursor,
    /// What the logic published.
    pub event: Event,
    /// When it was committed, in milliseconds since the Unix epoch, by the clock of the process
    /// that committed it. It may be out of order between two neighbours.
    pub at_ms: i64,
}

/// Reads a database's events and deletes old ones.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Returns the place after the last event that can be read now.
    ///
    /// # Errors
    /// Returns [`Error::Busy`] or [`Error::Unavailable`] if the database cannot be read.
    async fn end(&self) -> Result<Cursor, Error>;

    /// Returns the events after a place, the oldest first: at most `limit`, and fewer if they have more
    /// than 64 KiB together, but at least one if there are any. All of them are durable. Returns `None`
    /// if an event after the place may have been deleted, or if this feed has no such place. The caller
    /// must then read the data itself again.
    ///
    /// A later call with the same place returns the same events, except those deleted meanwhile.
    /// New events are only ever added after them.
    ///
    /// # Errors
    /// As [`Feed::end`].
    async fn after(&self, place: &Cursor, limit: u32) -> Result<Option<Vec<Published>>, Error>;

    /// Waits until there may be events after a place. Returns at once if there are any, otherwise
    /// soon after the first one was committed. Cancel-safe.
    ///
    /// # Errors
    /// As [`Feed::end`].
    async fn wait_for_events(&self, place: &Cursor) -> Result<(), Error>;

    /// Deletes the events that are older than `age`, and the oldest ones beyond the newest `count`.
    /// Returns how many it deleted. The newest event always stays.
    ///
    /// # Errors
    /// As [`Feed::end`]. What was deleted until then stays deleted.
    async fn forget_events(&self, age: Duration, count: u64) -> Result<u64, Error>;
}
