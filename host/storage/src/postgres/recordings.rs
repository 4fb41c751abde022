//! Recordings and samples in the host's tables (`schema/0005.sql`, `schema/0006.sql`), for all hosts of the
//! database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::types::ToSql;

use super::engine::{Engine, column};
use crate::Error;
use crate::recordings::{MOST_RECORDINGS, RecordingStore, StoredRecording, StoredSample};

const INSERT: &str = "INSERT INTO task_host.recordings \
     (request_id, answered_at, kind, summary, document) VALUES ($1, $2, $3, $4, $5) \
     RETURNING number";

/// Deletes what exceeds a number of bytes and a number of recordings. The length of a document is known
/// without reading it.
const SHRINK: &str = "WITH gone AS (DELETE FROM task_host.recordings WHERE number IN ( \
     SELECT number FROM (SELECT number, \
     sum(size) OVER (ORDER BY turn, number DESC ROWS UNBOUNDED PRECEDING) AS held, \
     row_number() OVER (ORDER BY turn, number DESC) AS place FROM ( \
     SELECT number, octet_length(document)::bigint + octet_length(summary) AS size, \
     row_number() OVER (PARTITION BY kind ORDER BY number DESC) AS turn \
     FROM task_host.recordings) AS of_kind) AS of_all WHERE held > $1::bigint OR place > $2::bigint) RETURNING 1) \
     SELECT count(*) FROM gone";

const SUMMARIES: &str = "SELECT summary FROM task_host.recordings WHERE answered_at >= $1 \
     ORDER BY number DESC";

const DOCUMENT: &str = "SELECT document FROM task_host.recordings \
     WHERE request_id = $1 AND answered_at >= $2 ORDER BY number DESC LIMIT 1";

const FORGET: &str = "WITH gone AS (DELETE FROM task_host.recordings WHERE answered_at < $1 \
     RETURNING 1), gone_samples AS (DELETE FROM task_host.samples WHERE taken_at < $1) \
     SELECT count(*) FROM gone";

const REPLACE_SAMPLES: &str = "WITH gone AS (DELETE FROM task_host.samples) \
     INSERT INTO task_host.samples (taken_at, document) \
     SELECT new.taken_at, new.document FROM unnest($1::bigint[], $2::text[]) \
     WITH ORDINALITY AS new (taken_at, document, place) ORDER BY new.place";

const SAMPLES: &str = "SELECT taken_at, document FROM task_host.samples WHERE taken_at >= $1 \
     ORDER BY number";

/// How long a statement may take, including the wait for a connection.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Recordings and samples in the host's tables.
pub(super) struct RecordingTable {
    pub(super) engine: Arc<Engine>,
}

impl RecordingTable {
    async fn count(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        let rows = self.rows(text, params).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| column(row, 0))?;
        Ok(count.unsigned_abs())
    }

    async fn rows(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        let until = Instant::now() + TIMEOUT;
        self.engine.rows(text, params, until).await
    }
}

#[async_trait]
impl RecordingStore for RecordingTable {
    async fn put(&self, recordings: Vec<StoredRecording>, limit_bytes: u64) -> Result<(), Error> {
        let fitting = recordings.iter();
        for recording in fitting.filter(|recording| recording.fits(limit_bytes)) {
            let params: [&(dyn ToSql + Sync); 5] = [
                &recording.request_id,
                &recording.answered_at,
                &recording.kind,
                &recording.summary,
                &recording.document,
            ];
            self.rows(INSERT, &params).await?;
        }
        let limit = i64::try_from(limit_bytes).unwrap_or(i64::MAX);
        let params: [&(dyn ToSql + Sync); 2] = [&limit, &i64::from(MOST_RECORDINGS)];
        self.count(SHRINK, &params).await.map(drop)
    }

    async fn summaries(&self, since: i64) -> Result<Vec<String>, Error> {
        let rows = self.rows(SUMMARIES, &[&since]).await?;
        rows.iter().map(|row| column(row, 0)).collect()
    }

    async fn document(&self, request_id: &str, since: i64) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.rows(DOCUMENT, &[&request_id, &since]).await?;
        rows.first().map(|row| column(row, 0)).transpose()
    }

    async fn replace_samples(&self, samples: Vec<StoredSample>) -> Result<(), Error> {
        let of = |sample: StoredSample| (sample.taken_at, sample.document);
        let (taken_at, documents): (Vec<i64>, Vec<String>) = samples.into_iter().map(of).unzip();
        self.rows(REPLACE_SAMPLES, &[&taken_at, &documents])
            .await
            .map(drop)
    }

    async fn samples(&self, since: i64) -> Result<Vec<StoredSample>, Error> {
        let rows = self.rows(SAMPLES, &[&since]).await?;
        let sample = |row: &tokio_postgres::Row| {
            Ok(StoredSample {
                taken_at: column(row, 0)?,
                document: column(row, 1)?,
            })
        };
        rows.iter().map(sample).collect()
    }

    async fn forget(&self, before: i64) -> Result<u64, Error> {
        self.count(FORGET, &[&before]).await
    }
}
