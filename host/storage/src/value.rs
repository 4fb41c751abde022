//! The values that pass between the logic and a database, the same for every engine.
//!
//! | parameter | SQLite stores | PostgreSQL stores |
//! | --- | --- | --- |
//! | null | NULL | NULL |
//! | boolean | INTEGER 0 or 1 | boolean |
//! | integer | INTEGER | bigint |
//! | real, not NaN | REAL | double precision |
//! | text without U+0000 | TEXT | text |
//! | blob | BLOB | bytea |
//!
//! A parameter that is NaN, or a text with U+0000, fails the statement.
//!
//! Results are converted by the same table. SQLite has no booleans, so it returns integers for
//! them. On both engines, `count` and sums of integers are integers; `avg` and sums of reals are
//! reals. A sum of integers that overflows 64 bits fails the statement, and so does text that is
//! not UTF-8 (in SQLite, `CAST(x'ff' AS TEXT)` makes such text).

use crate::budget::Meter;
use crate::{Error, Limit};

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// Stored as 0 or 1 in SQLite.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit floating-point number.
    Real(f64),
    /// UTF-8 without U+0000.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A result in row-major order. Text and blobs are spans of one heap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Cells in each row.
    pub width: u32,
    /// The cells of all rows, row after row.
    pub cells: Vec<Cell>,
    /// The bytes of all text and blobs.
    pub heap: Vec<u8>,
}

/// One result value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// Never returned by SQLite.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit floating-point number.
    Real(f64),
    /// UTF-8 in the heap.
    Text(Span),
    /// Bytes in the heap.
    Blob(Span),
}

/// A part of [`Rows::heap`], in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The number of bytes.
    pub len: u32,
}

impl Span {
    /// Returns the bytes of the span.
    pub(crate) fn of(self, heap: &[u8]) -> &[u8] {
        &heap[self.start as usize..][..self.len as usize]
    }
}

impl Rows {
    /// Returns how much memory the result takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.heap.capacity() + self.cells_bytes()
    }

    fn cells_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }

    /// Charges a row and makes room for its cells.
    pub(crate) fn begin_row(&mut self, width: usize, meter: &mut Meter) -> Result<(), Error> {
        meter.row()?;
        meter.reserve(&mut self.cells, width, self.heap.capacity())
    }

    /// Charges bytes and appends them to the heap.
    pub(crate) fn append(&mut self, bytes: &[u8], meter: &mut Meter) -> Result<Span, Error> {
        meter.bytes(bytes.len())?;
        // A span has 32 bits, even if the budget allows more.
        let too_long = |_| Error::Limit(Limit::Bytes);
        u32::try_from(self.heap.len() + bytes.len()).map_err(too_long)?;
        let span = Span {
            start: u32::try_from(self.heap.len()).map_err(too_long)?,
            len: u32::try_from(bytes.len()).map_err(too_long)?,
        };
        let cells_bytes = self.cells_bytes();
        meter.reserve(&mut self.heap, bytes.len(), cells_bytes)?;
        self.heap.extend_from_slice(bytes);
        Ok(span)
    }
}
