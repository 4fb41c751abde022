//! The batches in which both engines hand over the rows of an export.

use tokio::sync::mpsc;

use super::Row;
use crate::{Error, Value};

/// Maximum number of rows in a batch.
const ROWS: usize = 500;

/// Bytes of text and blobs from which on a batch is full.
const BYTES: usize = 1 << 20;

/// Number of batches that may wait for the reader.
const WAITING: usize = 4;

/// Sends the index of a table and some of its rows, or the error that ends the export.
pub(crate) type Sender = mpsc::Sender<Result<(usize, Vec<Row>), Error>>;

/// The other end, for [`Export`](super::Export).
pub(crate) type Receiver = mpsc::Receiver<Result<(usize, Vec<Row>), Error>>;

/// Opens a channel for batches.
pub(crate) fn channel() -> (Sender, Receiver) {
    mpsc::channel(WAITING)
}

/// Collects the rows of one table.
#[derive(Default)]
pub(crate) struct Batch {
    rows: Vec<Row>,
    bytes: usize,
}

/// The rows of one page: some of a table, for people.
pub(crate) struct Page(Batch);

impl Page {
    /// Maximum number of rows. Another statement reads the rows after them.
    pub(crate) const ROWS: i64 = 100;

    pub(crate) fn new() -> Self {
        Page(Batch::default())
    }

    /// Adds a row. Returns whether the page has room for more.
    pub(crate) fn push(&mut self, row: Row) -> bool {
        self.0.bytes += row.iter().map(size).sum::<usize>();
        self.0.rows.push(row);
        self.0.bytes < BYTES
    }

    pub(crate) fn into_rows(self) -> Vec<Row> {
        self.0.rows
    }
}

impl Batch {
    /// Adds a row. Returns all rows if the batch is full, and is empty again.
    pub(crate) fn push(&mut self, row: Row) -> Option<Vec<Row>> {
        self.bytes += row.iter().map(size).sum::<usize>();
        self.rows.push(row);
        match self.rows.len() == ROWS || self.bytes >= BYTES {
            true => std::mem::take(self).rest(),
            false => None,
        }
    }

    /// Returns the rows that are left, if any.
    pub(crate) fn rest(self) -> Option<Vec<Row>> {
        Some(self.rows).filter(|rows| !rows.is_empty())
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => size_of::<u64>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_by_its_rows_or_by_its_bytes() {
        let mut batch = Batch::default();
        for _ in 1..ROWS {
            assert_eq!(batch.push(vec![Value::Null]), None);
        }
        assert_eq!(batch.push(vec![Value::Null]).unwrap().len(), ROWS);
        assert_eq!(batch.push(vec![Value::Null]), None);
        let large = vec![Value::Blob(vec![0; BYTES])];
        assert_eq!(batch.push(large).unwrap().len(), 2);
        assert_eq!(batch.rest(), None);
    }
}
