//! Placeholders for statements with many values.
//!
//! Both engines cache prepared statements by their text. To keep the number of texts small, the
//! number of placeholders is rounded up to a power of two. Callers fill the rest with values that
//! change nothing.

use std::fmt::Write;

/// Maximum number of values or rows in one statement. Engines allow about 32,000 parameters.
pub const CHUNK: usize = 1_024;

/// Returns the number of placeholders for this many values: the next power of two.
pub fn padded_len(count: usize) -> usize {
    count.next_power_of_two()
}

/// Returns `$2, $3, $4` for `count` placeholders starting at number `first`.
pub fn list(first: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * 6);
    for number in first..first + count {
        let gap = if number == first { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{gap}${number}");
    }
    text
}

/// Returns `(values (cast($1 as text), cast($2 as bigint)), ($3, $4)) as v`: a table of `count` rows,
/// with placeholders starting at number `first`. On both engines its columns are named `column1`,
/// `column2`, … The first row has the types, because PostgreSQL needs them.
pub fn table(types: &[&str], first: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * types.len() * 7 + 64);
    text.push_str("(values ");
    let mut number = first;
    for row in 0..count {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (column, kind) in types.iter().enumerate() {
            let gap = if column == 0 { "" } else { ", " };
            let _ = match row {
                0 => write!(text, "{gap}cast(${number} as {kind})"),
                _ => write!(text, "{gap}${number}"),
            };
            number += 1;
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
    fn placeholders_are_numbered_in_order() {
        assert_eq!(list(2, 3), "$2, $3, $4");
        assert_eq!(
            table(&["text", "bigint"], 2, 2),
            "(values (cast($2 as text), cast($3 as bigint)), ($4, $5)) as v"
        );
    }

    #[test]
    fn any_number_of_values_needs_few_texts() {
        assert_eq!([1, 2, 3, 9, 1_000].map(padded_len), [1, 2, 4, 16, 1_024]);
    }
}
