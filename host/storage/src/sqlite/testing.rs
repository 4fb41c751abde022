//! Changes a database without the host's rules, for tests that damage one.

use std::path::Path;

use rusqlite::Connection;

/// Runs statements on a database file that no host has open. No policy applies: they may change the
/// host's own tables.
///
/// # Errors
/// Returns SQLite's message if the file cannot be opened or a statement fails.
pub fn run_unchecked(path: &Path, statements: &str) -> Result<(), String> {
    let sqlite = Connection::open(path).map_err(|error| error.to_string())?;
    sqlite
        .execute_batch(statements)
        .map_err(|error| error.to_string())
}
