//! Recordings and samples in a file of their own, beside the database. They do not wait for the database's writer,
//! they are not part of a back-up, and the file can be deleted while no host runs.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::task::spawn_blocking;

use crate::recordings::{MOST_RECORDINGS, RecordingStore, StoredRecording, StoredSample};
use crate::{Error, OpenError};

/// What is added to the database's name.
const SUFFIX: &str = "-recordings";

const SETUP: &str = "
    PRAGMA auto_vacuum = FULL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS recordings (
        number INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL,
        answered_at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        summary TEXT NOT NULL,
        document BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS recordings_by_request ON recordings (request_id);
    CREATE INDEX IF NOT EXISTS recordings_by_time ON recordings (answered_at);
    CREATE TABLE IF NOT EXISTS samples (
        number INTEGER PRIMARY KEY,
        taken_at INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
";

const INSERT: &str = "INSERT INTO recordings (request_id, answered_at, kind, summary, document) \
     VALUES (?1, ?2, ?3, ?4, ?5)";

/// Deletes what exceeds a number of bytes and a number of recordings.
const SHRINK: &str = "DELETE FROM recordings WHERE number IN (SELECT number FROM ( \
     SELECT number, sum(size) OVER (ORDER BY turn, number DESC ROWS UNBOUNDED PRECEDING) AS held, \
     row_number() OVER (ORDER BY turn, number DESC) AS place FROM ( \
     SELECT number, length(document) + length(summary) AS size, \
     row_number() OVER (PARTITION BY kind ORDER BY number DESC) AS turn FROM recordings)) \
     WHERE held > ?1 OR place > ?2)";

const SUMMARIES: &str =
    "SELECT summary FROM recordings WHERE answered_at >= ?1 ORDER BY number DESC";

const DOCUMENT: &str = "SELECT document FROM recordings WHERE request_id = ?1 \
     AND answered_at >= ?2 ORDER BY number DESC LIMIT 1";

const FORGET: &str = "DELETE FROM recordings WHERE answered_at < ?1";

const INSERT_SAMPLE: &str = "INSERT INTO samples (taken_at, document) VALUES (?1, ?2)";

const SAMPLES: &str = "SELECT taken_at, document FROM samples WHERE taken_at >= ?1 ORDER BY number";

const FORGET_SAMPLES: &str = "DELETE FROM samples WHERE taken_at < ?1";

/// Recordings in a file.
pub(super) struct RecordingFile {
    connection: Arc<Mutex<Connection>>,
}

impl RecordingFile {
    /// Opens the file beside a database, and creates it if it is missing. Only this user may read it.
    pub(super) fn open(database: &Path) -> Result<Self, OpenError> {
        let mut path = database.as_os_str().to_owned();
        path.push(SUFFIX);
        let path = PathBuf::from(path);
        let failed = |reason: String| OpenError::Failed {
            path: path.display().to_string(),
            reason,
        };
        let mut options = OpenOptions::new();
        let created = options.write(true).create(true).truncate(false).mode(0o600);
        drop(
            created
                .open(&path)
                .map_err(|error| failed(error.to_string()))?,
        );
        let connection = Connection::open(&path).and_then(|connection| {
            connection.execute_batch(SETUP)?;
            Ok(connection)
        });
        let connection = connection.map_err(|error| failed(error.to_string()))?;
        Ok(RecordingFile {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let connection = self.connection.clone();
        let done = spawn_blocking(move || work(&mut connection.lock())).await;
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Error::Unavailable(format!("the recordings: {error}"))),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }
}

#[async_trait]
impl RecordingStore for RecordingFile {
    async fn put(&self, recordings: Vec<StoredRecording>, limit_bytes: u64) -> Result<(), Error> {
        let limit = i64::try_from(limit_bytes).unwrap_or(i64::MAX);
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let fitting = recordings.into_iter();
            for recording in fitting.filter(|recording| recording.fits(limit_bytes)) {
                transaction.prepare_cached(INSERT)?.execute(params![
                    recording.request_id,
                    recording.answered_at,
                    recording.kind,
                    recording.summary,
                    recording.document,
                ])?;
            }
            transaction
                .prepare_cached(SHRINK)?
                .execute(params![limit, MOST_RECORDINGS])?;
            transaction.commit()
        })
        .await
    }

    async fn summaries(&self, since: i64) -> Result<Vec<String>, Error> {
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(SUMMARIES)?;
            let rows = statement.query_map([since], |row| row.get(0))?;
            rows.collect()
        })
        .await
    }

    async fn document(&self, request_id: &str, since: i64) -> Result<Option<Vec<u8>>, Error> {
        let request_id = request_id.to_owned();
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(DOCUMENT)?;
            let found = statement.query_row(params![request_id, since], |row| row.get(0));
            found.optional()
        })
        .await
    }

    async fn replace_samples(&self, samples: Vec<StoredSample>) -> Result<(), Error> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM samples", [])?;
            for sample in samples {
                let mut insert = transaction.prepare_cached(INSERT_SAMPLE)?;
                insert.execute(params![sample.taken_at, sample.document])?;
            }
            transaction.commit()
        })
        .await
    }

    async fn samples(&self, since: i64) -> Result<Vec<StoredSample>, Error> {
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(SAMPLES)?;
            let rows = statement.query_map([since], |row| {
                Ok(StoredSample {
                    taken_at: row.get(0)?,
                    document: row.get(1)?,
                })
            })?;
            rows.collect()
        })
        .await
    }

    async fn forget(&self, before: i64) -> Result<u64, Error> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(FORGET_SAMPLES, [before])?;
            let deleted = transaction.execute(FORGET, [before])?;
            transaction.commit()?;
            Ok(deleted as u64)
        })
        .await
    }
}
