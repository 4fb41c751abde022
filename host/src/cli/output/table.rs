//! Tables of text: each column is as wide as its widest cell, with two spaces between columns and no
//! borders. A row may have a note, which is written below it across all columns.

use super::format;

/// Indentation of a note, in columns.
const NOTE_INDENT: usize = 6;

/// The alignment of the cells in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    Left,
    Right,
}

/// A table of `N` columns.
pub(in crate::cli) struct Table<const N: usize> {
    columns: [(&'static str, Align); N],
    rows: Vec<([String; N], Option<String>)>,
}

impl<const N: usize> Table<N> {
    /// Creates a table without rows. Each column has a heading and an alignment.
    pub(in crate::cli) fn new(columns: [(&'static str, Align); N]) -> Self {
        Table {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row, optionally with a note below it.
    pub(in crate::cli) fn add(&mut self, cells: [String; N], note: Option<String>) {
        self.rows.push((cells, note));
    }

    /// Returns the lines of the table, including the headings, without trailing spaces.
    pub(in crate::cli) fn render(&self) -> Vec<String> {
        let headings = self.columns.map(|(heading, _)| heading.to_owned());
        let cells = std::iter::once(&headings).chain(self.rows.iter().map(|(cells, _)| cells));
        let mut widths = [0; N];
        for row in cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut lines = vec![self.line(&headings, &widths)];
        for (cells, note) in &self.rows {
            lines.push(self.line(cells, &widths));
            let note = note.as_deref().unwrap_or_default();
            lines.extend(format::wrap(note, NOTE_INDENT));
        }
        lines
    }

    fn line(&self, cells: &[String; N], widths: &[usize; N]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(self.columns) {
            match align {
                Align::Left => line += &format!("{cell:<width$}  "),
                Align::Right => line += &format!("{cell:>width$}  "),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_notes_are_below_their_row() {
        let mut table = Table::new([("ID", Align::Right), ("KIND", Align::Left)]);
        table.add(["9".into(), "rollback".into()], None);
        table.add(["10".into(), "é".into()], Some("because".into()));
        assert_eq!(
            table.render(),
            ["ID  KIND", " 9  rollback", "10  é", "      because"]
        );
    }
}
