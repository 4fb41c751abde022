//! Reads results: rows of cells whose text is in one heap.
//!
//! A row is read from left to right, in the order of the statement's columns. Text is borrowed from
//! the heap. The heap's UTF-8 is checked once for all rows.

use crate::contract::sql::{Cell, Rows};
use crate::error::Error;

/// The result of a statement.
pub struct Table<'a> {
    width: usize,
    cells: &'a [Cell],
    heap: &'a str,
}

impl<'a> Table<'a> {
    /// Creates a reader for a result.
    ///
    /// # Errors
    /// Returns [`Error::Corrupt`] if the heap is not UTF-8.
    pub fn new(rows: &'a Rows) -> Result<Self, Error> {
        let heap = str::from_utf8(&rows.heap).map_err(|_| Error::Corrupt("text is not UTF-8"))?;
        Ok(Self {
            width: rows.width as usize,
            cells: &rows.cells,
            heap,
        })
    }

    /// Returns the rows in the statement's order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'a>> + use<'a> {
        let heap = self.heap;
        // A result without columns has no rows. `chunks_exact(0)` would panic.
        let chunks = self.cells.chunks_exact(self.width.max(1));
        chunks.map(move |cells| Row {
            cells: cells.iter(),
            heap,
        })
    }

    /// Returns the row of a statement that always returns exactly one.
    ///
    /// # Errors
    /// Returns [`Error::Corrupt`] if there is no row.
    pub fn only(&self) -> Result<Row<'a>, Error> {
        self.rows().next().ok_or(Error::Corrupt("a row is missing"))
    }
}

/// One row, read from left to right.
pub struct Row<'a> {
    cells: std::slice::Iter<'a, Cell>,
    heap: &'a str,
}

impl<'a> Row<'a> {
    /// Reads the next cell, an integer.
    ///
    /// # Errors
    /// Returns [`Error::Corrupt`] if the cell has another type or the row has no more cells.
    pub fn integer(&mut self) -> Result<i64, Error> {
        self.optional_integer()?
            .ok_or(Error::Corrupt("an integer is missing"))
    }

    /// Reads the next cell, an integer or null.
    ///
    /// # Errors
    /// The same as [`Row::integer`].
    pub fn optional_integer(&mut self) -> Result<Option<i64>, Error> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Integer(value) => Ok(Some(*value)),
            _ => Err(Error::Corrupt("a cell is not an integer")),
        }
    }

    /// Reads the next cell, a count.
    ///
    /// # Errors
    /// The same as [`Row::integer`], and if the integer is negative.
    pub fn count(&mut self) -> Result<u64, Error> {
        u64::try_from(self.integer()?).map_err(|_| Error::Corrupt("a count is negative"))
    }

    /// Reads the next cell, a number or null. An integer is converted.
    ///
    /// # Errors
    /// The same as [`Row::integer`].
    pub fn optional_real(&mut self) -> Result<Option<f64>, Error> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Real(value) => Ok(Some(*value)),
            Cell::Integer(value) => Ok(Some(*value as f64)),
            _ => Err(Error::Corrupt("a cell is not a number")),
        }
    }

    /// Reads the next cell, a text.
    ///
    /// # Errors
    /// The same as [`Row::integer`].
    pub fn text(&mut self) -> Result<&'a str, Error> {
        self.optional_text()?
            .ok_or(Error::Corrupt("a text is missing"))
    }

    /// Reads the next cell, a text or null.
    ///
    /// # Errors
    /// The same as [`Row::integer`].
    pub fn optional_text(&mut self) -> Result<Option<&'a str>, Error> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Text(span) => {
                let start = span.start as usize;
                let text = self.heap.get(start..start + span.len as usize);
                text.map(Some)
                    .ok_or(Error::Corrupt("a text is outside the heap"))
            }
            _ => Err(Error::Corrupt("a cell is not a text")),
        }
    }

    fn next(&mut self) -> Result<&'a Cell, Error> {
        self.cells
            .next()
            .ok_or(Error::Corrupt("a column is missing"))
    }
}
