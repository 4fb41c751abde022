//! Statements for many values at once, in a small number of texts.
//!
//! The number of places is rounded up to a power of two and the rest filled with what changes
//! nothing, because both engines keep prepared statements by their text.

use std::fmt::Write;

/// Values or rows in one statement, at most. Engines allow some 32,000 parameters.
pub const CHUNK: usize = 1_024;

/// Places for that many values.
pub fn places(count: usize) -> usize {
    count.next_power_of_two()
}

/// Writes `$2, $3, $4` for `count` places from `first` on.
pub fn list(first: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * 6);
    for place in first..first + count {
        let gap = if place == first { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{gap}${place}");
    }
    text
}

/// Writes `(values (cast($1 as text), cast($2 as bigint)), ($3, $4)) as v`, a table of `count`
/// rows from parameter `first` on. Its columns are `column1`, `column2`, … on both engines. The
/// first row names the types, as PostgreSQL wants to know them.
pub fn table(types: &[&str], first: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * types.len() * 7 + 64);
    text.push_str("(values ");
    let mut place = first;
    for row in 0..count {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (column, kind) in types.iter().enumerate() {
            let gap = if column == 0 { "" } else { ", " };
            let _ = match row {
                0 => write!(text, "{gap}cast(${place} as {kind})"),
                _ => write!(text, "{gap}${place}"),
            };
            place += 1;
        }
        text.push(')');
    }
    text.push_str(") as v");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_number_their_places_in_order() {
        assert_eq!(list(2, 3), "$2, $3, $4");
        assert_eq!(
            table(&["text", "bigint"], 2, 2),
            "(values (cast($2 as text), cast($3 as bigint)), ($4, $5)) as v"
        );
    }

    #[test]
    fn few_texts_serve_any_number_of_values() {
        assert_eq!([1, 2, 3, 9, 1_000].map(places), [1, 2, 4, 16, 1_024]);
    }
}
