//! The values that pass between the logic and a database, alike on every engine.
//!
//! | parameter | SQLite stores | PostgreSQL stores |
//! | --- | --- | --- |
//! | null | NULL | NULL |
//! | boolean | INTEGER 0 or 1 | boolean |
//! | integer | INTEGER | bigint |
//! | real | REAL; NaN is refused | double precision; NaN is refused |
//! | text | TEXT; U+0000 is refused | text; U+0000 is refused |
//! | blob | BLOB | bytea |
//!
//! Results come back by the same table. SQLite has no booleans, so they come back as integers.
//! `count` and sums of integers are integers, `avg` and sums of reals are reals, on both engines.
//! A sum of integers that leaves 64 bits fails the statement, and so does text that is not UTF-8
//! (in SQLite `CAST(x'ff' AS TEXT)` makes such text).

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// In SQLite 0 or 1.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// UTF-8 without U+0000.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A result: row-major, `width` cells a row; text and blobs are spans of one heap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Cells in a row.
    pub width: u32,
    /// The rows one after the other.
    pub cells: Vec<Cell>,
    /// The bytes of all text and blobs.
    pub heap: Vec<u8>,
}

/// One result value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// Never from SQLite.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
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
    /// Appends bytes to a heap; none where they would lie beyond what a span can name.
    pub(crate) fn append(heap: &mut Vec<u8>, bytes: &[u8]) -> Option<Self> {
        // A span is 32 bits wide, whatever the budget says.
        u32::try_from(heap.len() + bytes.len()).ok()?;
        let span = Self {
            start: u32::try_from(heap.len()).ok()?,
            len: u32::try_from(bytes.len()).ok()?,
        };
        heap.extend_from_slice(bytes);
        Some(span)
    }
}
