//! Reads results: rows of cells whose text is in one heap.
//!
//! A row is read from left to right, in the order of the statement's columns. Text is borrowed from
//! the heap. The heap's UTF-8 is checked once for all rows.
//!
//! [`Row`] reads whole rows as values. Types of single cells implement [`FromCell`].

use std::fmt;

use crate::bindings::task_host::platform::sql::{Cell, Rows, Span};
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::clock;

/// A cell or a result that is not what the logic expects. It says what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

/// The result of a statement.
#[derive(Debug)]
pub struct Table<'a> {
    width: usize,
    cells: &'a [Cell],
    heap: &'a str,
}

impl<'a> Table<'a> {
    /// Creates a reader for a result.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the heap is not UTF-8.
    pub fn new(rows: &'a Rows) -> Result<Self, Corrupt> {
        let heap = str::from_utf8(&rows.heap).map_err(|_| Corrupt("text is not UTF-8"))?;
        Ok(Self {
            width: rows.width as usize,
            cells: &rows.cells,
            heap,
        })
    }

    /// Returns the rows in the statement's order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Reader<'a>> + use<'a> {
        let heap = self.heap;
        // A result without columns has no rows. `chunks_exact(0)` would panic.
        let chunks = self.cells.chunks_exact(self.width.max(1));
        chunks.map(move |cells| Reader {
            cells: cells.iter(),
            heap,
        })
    }

    /// Returns the row of a statement that always returns exactly one.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if there is no row.
    pub fn only(&self) -> Result<Reader<'a>, Corrupt> {
        self.rows().next().ok_or(Corrupt("a row is missing"))
    }
}

/// One row, read from left to right.
#[derive(Debug)]
pub struct Reader<'a> {
    cells: std::slice::Iter<'a, Cell>,
    heap: &'a str,
}

impl<'a> Reader<'a> {
    /// Reads the next cell, an integer.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the cell has another type or the row has no more cells.
    pub fn integer(&mut self) -> Result<i64, Corrupt> {
        self.optional_integer()?
            .ok_or(Corrupt("an integer is missing"))
    }

    /// Reads the next cell, an integer or null.
    ///
    /// # Errors
    /// The same as [`Reader::integer`].
    pub fn optional_integer(&mut self) -> Result<Option<i64>, Corrupt> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Integer(value) => Ok(Some(*value)),
            _ => Err(Corrupt("a cell is not an integer")),
        }
    }

    /// Reads the next cell, a count.
    ///
    /// # Errors
    /// The same as [`Reader::integer`], and if the integer is negative.
    pub fn count(&mut self) -> Result<u64, Corrupt> {
        u64::try_from(self.integer()?).map_err(|_| Corrupt("a count is negative"))
    }

    /// Reads the next cell, a number or null. An integer is converted.
    ///
    /// # Errors
    /// The same as [`Reader::integer`].
    pub fn optional_real(&mut self) -> Result<Option<f64>, Corrupt> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Real(value) => Ok(Some(*value)),
            Cell::Integer(value) => Ok(Some(*value as f64)),
            _ => Err(Corrupt("a cell is not a number")),
        }
    }

    /// Reads the next cell, a text.
    ///
    /// # Errors
    /// The same as [`Reader::integer`].
    pub fn text(&mut self) -> Result<&'a str, Corrupt> {
        self.optional_text()?.ok_or(Corrupt("a text is missing"))
    }

    /// Reads the next cell, a text or null.
    ///
    /// # Errors
    /// The same as [`Reader::integer`].
    pub fn optional_text(&mut self) -> Result<Option<&'a str>, Corrupt> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Text(span) => self.text_at(*span).map(Some),
            _ => Err(Corrupt("a cell is not a text")),
        }
    }

    /// Reads the next cell as the value of a struct's field.
    ///
    /// # Errors
    /// Returns [`Mismatch`], which names the field, if the cell does not fit its type or the row has no more
    /// cells.
    pub fn field<T: FromCell>(&mut self, field: &'static str) -> Result<T, Mismatch> {
        let cell = self.next().map_err(|what| Mismatch { field, what });
        T::from_cell(cell?, self).map_err(|what| Mismatch { field, what })
    }

    /// Returns the text at a place in the heap.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the place is outside the heap.
    pub fn text_at(&self, span: Span) -> Result<&'a str, Corrupt> {
        let start = span.start as usize;
        let text = self.heap.get(start..start + span.len as usize);
        text.ok_or(Corrupt("a text is outside the heap"))
    }

    fn next(&mut self) -> Result<&'a Cell, Corrupt> {
        self.cells.next().ok_or(Corrupt("a column is missing"))
    }
}

/// A row that does not fit the type that it is read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The field, such as `Bookmark.url`.
    pub field: &'static str,
    /// What is wrong with its cell.
    pub what: Corrupt,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.what.0)
    }
}

/// A type that a whole row is read as.
///
/// `#[derive(Row)]` implements it for structs: the first field is the first column, and so on. Types of one cell and
/// tuples of up to four implement it, too, for statements such as `select count(*)`.
#[diagnostic::on_unimplemented(
    message = "a row cannot be read as `{Self}`",
    note = "add #[derive(Row)] to the struct, or read one column as i64, f64, bool, String or an Option of these"
)]
pub trait Row: Sized {
    /// The names of the fields. Empty if they have no names.
    const FIELDS: &'static [&'static str] = &[];

    /// Reads a row.
    ///
    /// # Errors
    /// Returns [`Mismatch`] if a cell does not fit its field or a column is missing.
    fn read(row: &mut Reader<'_>) -> Result<Self, Mismatch>;
}

/// A type that a cell is read as.
#[diagnostic::on_unimplemented(
    message = "a column cannot be read as `{Self}`",
    note = "use i64, i32, u32, f64, bool, String, Datetime, an enum with #[derive(Data)], or an Option of these"
)]
pub trait FromCell: Sized {
    /// Reads a cell.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the cell has another type.
    fn from_cell(cell: &Cell, row: &Reader<'_>) -> Result<Self, Corrupt>;
}

impl FromCell for i64 {
    fn from_cell(cell: &Cell, _row: &Reader<'_>) -> Result<Self, Corrupt> {
        match cell {
            Cell::Integer(value) => Ok(*value),
            Cell::Null => Err(NULL),
            _ => Err(Corrupt("the column is not an integer")),
        }
    }
}

/// Integers with fewer values than a cell.
macro_rules! integers {
    ($($type:ty),*) => {$(
        impl FromCell for $type {
            fn from_cell(cell: &Cell, row: &Reader<'_>) -> Result<Self, Corrupt> {
                let value = i64::from_cell(cell, row)?;
                Self::try_from(value).map_err(|_| Corrupt("the integer does not fit the field's type"))
            }
        }
    )*};
}
integers!(i8, i16, i32, u8, u16, u32, u64);

impl FromCell for f64 {
    fn from_cell(cell: &Cell, _row: &Reader<'_>) -> Result<Self, Corrupt> {
        match cell {
            Cell::Real(value) => Ok(*value),
            Cell::Integer(value) => Ok(*value as f64),
            Cell::Null => Err(NULL),
            _ => Err(Corrupt("the column is not a number")),
        }
    }
}

/// SQLite has no booleans: 0 and 1.
impl FromCell for bool {
    fn from_cell(cell: &Cell, _row: &Reader<'_>) -> Result<Self, Corrupt> {
        match cell {
            Cell::Boolean(value) => Ok(*value),
            Cell::Integer(0) => Ok(false),
            Cell::Integer(1) => Ok(true),
            Cell::Null => Err(NULL),
            _ => Err(Corrupt("the column is not a boolean")),
        }
    }
}

impl FromCell for String {
    fn from_cell(cell: &Cell, row: &Reader<'_>) -> Result<Self, Corrupt> {
        match cell {
            Cell::Text(span) => row.text_at(*span).map(str::to_owned),
            Cell::Null => Err(NULL),
            _ => Err(Corrupt("the column is not a text")),
        }
    }
}

/// Microseconds since 1970, as [`Datetime`] is stored.
impl FromCell for Datetime {
    fn from_cell(cell: &Cell, row: &Reader<'_>) -> Result<Self, Corrupt> {
        let micros = i64::from_cell(cell, row)?;
        clock::datetime(micros).ok_or(Corrupt("the time is before 1970"))
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: &Cell, row: &Reader<'_>) -> Result<Self, Corrupt> {
        match cell {
            Cell::Null => Ok(None),
            cell => T::from_cell(cell, row).map(Some),
        }
    }
}

const NULL: Corrupt =
    Corrupt("the column is null; make the field an Option, or the column NOT NULL");

impl<T: FromCell> Row for T {
    fn read(row: &mut Reader<'_>) -> Result<Self, Mismatch> {
        row.field("column 1")
    }
}

/// Rows without names.
macro_rules! tuples {
    ($($($type:ident $column:literal),+;)*) => {$(
        impl<$($type: FromCell),+> Row for ($($type,)+) {
            fn read(row: &mut Reader<'_>) -> Result<Self, Mismatch> {
                Ok(($(row.field::<$type>($column)?,)+))
            }
        }
    )*};
}
tuples! {
    A "column 1";
    A "column 1", B "column 2";
    A "column 1", B "column 2", C "column 3";
    A "column 1", B "column 2", C "column 3", D "column 4";
}
