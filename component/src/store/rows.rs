//! Reading results: rows of cells whose text lies in one heap.
//!
//! A row is read from left to right, in the order of the statement's columns. Text is borrowed
//! from the heap, whose UTF-8 is checked once for all rows.

use crate::contract::sql::{Cell, Rows};
use crate::refusal::Refusal;

/// A result.
pub struct Table<'a> {
    width: usize,
    cells: &'a [Cell],
    heap: &'a str,
}

impl<'a> Table<'a> {
    /// Looks at a result as text.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`] where the heap is no UTF-8.
    pub fn new(rows: &'a Rows) -> Result<Self, Refusal> {
        let heap = str::from_utf8(&rows.heap).map_err(|_| Refusal::Corrupt("text is no UTF-8"))?;
        Ok(Self {
            width: rows.width as usize,
            cells: &rows.cells,
            heap,
        })
    }

    /// The rows in the statement's order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'a>> + use<'a> {
        let heap = self.heap;
        // A result without columns has no rows; chunks of nothing would panic.
        let chunks = self.cells.chunks_exact(self.width.max(1));
        chunks.map(move |cells| Row {
            cells: cells.iter(),
            heap,
        })
    }

    /// The one row of a statement that always has one.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`] where there is none.
    pub fn only(&self) -> Result<Row<'a>, Refusal> {
        self.rows()
            .next()
            .ok_or(Refusal::Corrupt("a row is missing"))
    }
}

/// One row, read from left to right.
pub struct Row<'a> {
    cells: std::slice::Iter<'a, Cell>,
    heap: &'a str,
}

impl<'a> Row<'a> {
    /// The next cell, an integer.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`] where it is something else, as in all that follow.
    pub fn integer(&mut self) -> Result<i64, Refusal> {
        self.optional_integer()?
            .ok_or(Refusal::Corrupt("an integer is missing"))
    }

    /// The next cell, an integer or null.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn optional_integer(&mut self) -> Result<Option<i64>, Refusal> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Integer(value) => Ok(Some(*value)),
            _ => Err(Refusal::Corrupt("a cell is no integer")),
        }
    }

    /// The next cell, a count.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn count(&mut self) -> Result<u64, Refusal> {
        u64::try_from(self.integer()?).map_err(|_| Refusal::Corrupt("a count is negative"))
    }

    /// The next cell, a number or null.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn optional_real(&mut self) -> Result<Option<f64>, Refusal> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Real(value) => Ok(Some(*value)),
            Cell::Integer(value) => Ok(Some(*value as f64)),
            _ => Err(Refusal::Corrupt("a cell is no number")),
        }
    }

    /// The next cell, a text.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn text(&mut self) -> Result<&'a str, Refusal> {
        self.optional_text()?
            .ok_or(Refusal::Corrupt("a text is missing"))
    }

    /// The next cell, a text or null.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn optional_text(&mut self) -> Result<Option<&'a str>, Refusal> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Text(span) => {
                let start = span.start as usize;
                let text = self.heap.get(start..start + span.len as usize);
                text.map(Some)
                    .ok_or(Refusal::Corrupt("a text lies outside the heap"))
            }
            _ => Err(Refusal::Corrupt("a cell is no text")),
        }
    }

    fn next(&mut self) -> Result<&'a Cell, Refusal> {
        self.cells
            .next()
            .ok_or(Refusal::Corrupt("a column is missing"))
    }
}
