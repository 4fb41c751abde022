//! The two SQL dialects, and how a name is quoted, which both do alike.

use contract::Migration;

/// Which SQL a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded engine.
    Sqlite,
    /// The engine that several hosts share.
    Postgres,
}

impl Dialect {
    /// Returns the text of a migration in this dialect.
    pub(crate) fn text_of(self, migration: &Migration) -> &str {
        match self {
            Dialect::Sqlite => &migration.sqlite,
            Dialect::Postgres => &migration.postgres,
        }
    }
}

/// Quotes a name for a statement.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes names for a statement and separates them with commas.
pub(crate) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| quoted(name)).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_is_doubled() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(
            quoted_list(&["a".to_owned(), "b".to_owned()]),
            "\"a\", \"b\""
        );
    }
}
