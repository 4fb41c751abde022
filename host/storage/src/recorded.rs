//! The statements of a call as they are recorded, so that they can run again: is every result still
//! the same?
//!
//! A result is kept as a digest. The clients choose what is in the tables, so the digest has to
//! withstand somebody who looks for two results with one digest. It is SHA-256, which needs no
//! secret, so that recordings of different hosts can be compared.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::{Cell, Rows, Value};

/// A statement of the logic with its parameters and a digest of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The statement's text.
    pub statement: Arc<str>,
    /// Its parameters.
    pub params: Arc<[Value]>,
    /// Its result.
    pub result: Found,
}

/// The result of a recorded statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Of [`Transaction::query`](crate::Transaction::query): the digest of the rows.
    Rows(Digest),
    /// Of [`Transaction::execute`](crate::Transaction::execute): the number of rows that changed.
    Changed(u64),
}

/// SHA-256 over a result: the values of all cells with their types, and the number of columns. Two
/// results with the same digest are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Recorded {
    /// Returns how much memory the recorded statement takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let params = self.params.iter().map(|param| match param {
            Value::Text(text) => text.capacity(),
            Value::Blob(bytes) => bytes.capacity(),
            _ => 0,
        });
        size_of::<Self>()
            + self.statement.len()
            + size_of_val(&*self.params)
            + params.sum::<usize>()
    }
}

impl Found {
    /// Returns the digest of rows.
    pub fn rows(rows: &Rows) -> Self {
        let mut digest = RowsDigest::default();
        for cell in &rows.cells {
            digest.cell(match cell {
                Cell::Null => CellRef::Null,
                Cell::Boolean(value) => CellRef::Boolean(*value),
                Cell::Integer(value) => CellRef::Integer(*value),
                Cell::Real(value) => CellRef::Real(*value),
                Cell::Text(span) => CellRef::Text(span.of(&rows.heap)),
                Cell::Blob(span) => CellRef::Blob(span.of(&rows.heap)),
            });
        }
        digest.finish(rows.width)
    }
}

/// A cell whose bytes are somewhere else.
pub(crate) enum CellRef<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// Computes the digest of a result, cell by cell.
#[derive(Default)]
pub(crate) struct RowsDigest {
    hash: Sha256,
    /// What is not hashed yet: a hash of few large pieces is faster than one of many small ones.
    pending: Vec<u8>,
}

impl RowsDigest {
    const PENDING_BYTES: usize = 4 << 10;

    /// Adds the next cell of the row, or the first one of the next row.
    pub(crate) fn cell(&mut self, cell: CellRef<'_>) {
        // Each cell begins with its type, and bytes with their length, so that different results are
        // different bytes.
        match cell {
            CellRef::Null => self.pending.push(0),
            CellRef::Boolean(value) => self.pending.extend([1, value.into()]),
            CellRef::Integer(value) => self.fixed(2, value.to_le_bytes()),
            CellRef::Real(value) => self.fixed(3, value.to_bits().to_le_bytes()),
            CellRef::Text(bytes) => self.bytes(4, bytes),
            CellRef::Blob(bytes) => self.bytes(5, bytes),
        }
        if self.pending.len() >= Self::PENDING_BYTES {
            self.hash.update(&self.pending);
            self.pending.clear();
        }
    }

    fn fixed(&mut self, kind: u8, value: [u8; 8]) {
        self.pending.push(kind);
        self.pending.extend(value);
    }

    fn bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.fixed(kind, (bytes.len() as u64).to_le_bytes());
        if bytes.len() < Self::PENDING_BYTES {
            self.pending.extend_from_slice(bytes);
        } else {
            self.hash.update(&self.pending);
            self.pending.clear();
            self.hash.update(bytes);
        }
    }

    /// Returns the digest of a result with this number of columns.
    pub(crate) fn finish(mut self, width: u32) -> Found {
        self.fixed(6, u64::from(width).to_le_bytes());
        self.hash.update(&self.pending);
        Found::Rows(Digest(self.hash.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    fn rows(width: u32, cells: &[Cell], heap: &str) -> Found {
        Found::rows(&Rows {
            width,
            cells: cells.to_vec(),
            heap: heap.as_bytes().to_vec(),
        })
    }

    fn text(start: u32, len: u32) -> Cell {
        Cell::Text(Span { start, len })
    }

    fn blob(start: u32, len: u32) -> Cell {
        Cell::Blob(Span { start, len })
    }

    #[test]
    fn results_that_differ_in_anything_have_different_digests() {
        let results = [
            rows(1, &[], ""),
            rows(2, &[], ""),
            rows(1, &[Cell::Null], ""),
            rows(1, &[Cell::Null; 2], ""),
            rows(2, &[Cell::Null; 2], ""),
            rows(1, &[Cell::Boolean(false)], ""),
            rows(1, &[Cell::Boolean(true)], ""),
            rows(1, &[Cell::Integer(0)], ""),
            rows(1, &[Cell::Integer(1)], ""),
            rows(1, &[Cell::Real(0.0)], ""),
            rows(1, &[Cell::Real(-0.0)], ""),
            rows(1, &[text(0, 0)], ""),
            rows(1, &[blob(0, 0)], ""),
            rows(2, &[text(0, 1), text(1, 2)], "abc"),
            rows(2, &[text(0, 2), text(2, 1)], "abc"),
            rows(2, &[text(0, 2), blob(2, 1)], "abc"),
            rows(1, &[text(0, 8)], "\0\0\0\0\0\0\0\0"),
            rows(1, &[text(0, 9000)], &"a".repeat(9000)),
            rows(1, &[text(0, 9000)], &"b".repeat(9000)),
        ];
        for (index, result) in results.iter().enumerate() {
            assert!(!results[..index].contains(result), "{index}");
        }
    }

    #[test]
    fn where_the_bytes_of_a_result_lie_does_not_matter() {
        assert_eq!(
            rows(2, &[text(0, 1), text(1, 1)], "ab"),
            rows(2, &[text(1, 1), text(0, 1)], "ba"),
        );
    }
}
