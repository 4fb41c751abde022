//! Recordings and samples of requests that outlive the host's process: in a file beside a SQLite database,
//! or in the host's tables of a PostgreSQL database, where every host of the database finds them.
//!
//! What they contain is the business of the layer above. Here a recording is a document with a summary, both
//! JSON, and the kind of its request: those of one kind fail in the same way on the same route. A sample is a
//! document.

use async_trait::async_trait;

use crate::Error;

/// The largest document that is stored, in bytes.
pub const LARGEST_DOCUMENT: usize = 4 << 20;

/// How many recordings are stored at most. Small ones would otherwise be many.
pub const MOST_RECORDINGS: u32 = 10_000;

/// Stores recordings and samples.
#[async_trait]
pub trait RecordingStore: Send + Sync {
    /// Stores recordings. If all together take more than `limit_bytes`, or there are too many, older
    /// ones are deleted: of each kind the latest one is kept first, then of each kind the one before
    /// it, as far as there is room. So a request that fails all the time does not push out others. A
    /// recording that takes more than a quarter of the limit is not stored.
    ///
    /// # Errors
    /// Returns [`Error`] if nothing was stored.
    async fn put(&self, recordings: Vec<StoredRecording>, limit_bytes: u64) -> Result<(), Error>;

    /// Returns the summaries of all recordings that were answered at `since` or later, in
    /// microseconds since the Unix epoch, the latest first.
    ///
    /// # Errors
    /// Returns [`Error`] if they cannot be read.
    async fn summaries(&self, since: i64) -> Result<Vec<String>, Error>;

    /// Returns the document of a request that was answered at `since` or later. If clients have used an
    /// id several times, that of the latest.
    ///
    /// # Errors
    /// Returns [`Error`] if it cannot be read.
    async fn document(&self, request_id: &str, since: i64) -> Result<Option<Vec<u8>>, Error>;

    /// Stores samples in place of those that were stored before. If hosts that share a database do so at
    /// the same time, the samples of both may stay until the next time.
    ///
    /// # Errors
    /// Returns [`Error`] if the samples that were stored before are still there.
    async fn replace_samples(&self, samples: Vec<StoredSample>) -> Result<(), Error>;

    /// Returns the samples that were taken at `since` or later, in the order in which they were stored.
    ///
    /// # Errors
    /// Returns [`Error`] if they cannot be read.
    async fn samples(&self, since: i64) -> Result<Vec<StoredSample>, Error>;

    /// Deletes the recordings that were answered before a time and the samples that were taken before it,
    /// and returns how many recordings they were.
    ///
    /// # Errors
    /// Returns [`Error`] if nothing was deleted.
    async fn forget(&self, before: i64) -> Result<u64, Error>;
}

/// A sampled request to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSample {
    /// When it was taken, in microseconds since the Unix epoch.
    pub taken_at: i64,
    /// All of it: JSON.
    pub document: String,
}

/// A recording to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecording {
    /// The request's id.
    pub request_id: String,
    /// When it was answered, in microseconds since the Unix epoch.
    pub answered_at: i64,
    /// The same for requests of one route that ended in the same way.
    pub kind: String,
    /// What a list shows of it: JSON.
    pub summary: String,
    /// All of it: JSON.
    pub document: Vec<u8>,
}

impl StoredRecording {
    /// Returns whether this may be stored where all recordings may take that many bytes.
    pub(crate) fn fits(&self, limit_bytes: u64) -> bool {
        let bytes = self.document.len() + self.summary.len();
        bytes <= LARGEST_DOCUMENT && bytes as u64 <= limit_bytes / 4
    }
}
