//! Copies of SQLite's data: [`export`] reads a file that a host may have open, [`import`] fills
//! an empty database, [`backup`] copies the file itself. This file has what they share: how to read
//! the list of tables.

pub(super) mod backup;
pub(super) mod export;
pub(super) mod import;

use rusqlite::{Connection, OptionalExtension, params};

use super::schema::{self, host};
use crate::dialect::quoted;
use crate::transfer::agreement::ordered;
use crate::transfer::{Applied, Table};

/// Returns the applied migrations, in order.
fn migrations(sqlite: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let steps = schema::applied_migrations(sqlite)?.into_iter();
    let applied = steps.map(|step| Applied {
        name: step.name,
        checksum: step.checksum,
    });
    Ok(applied.collect())
}

/// Returns the names of the logic's tables. Each comes after the tables that it refers to, unless
/// they form a circle.
fn names(sqlite: &Connection) -> rusqlite::Result<Vec<String>> {
    let names: Vec<String> = sqlite
        .prepare(host!(
            "SELECT name FROM sqlite_schema WHERE type = 'table' \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND name NOT LIKE 'task\\_host\\_%' ESCAPE '\\' ORDER BY name"
        ))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut references = sqlite.prepare(host!(
        "SELECT DISTINCT lower(\"table\") FROM pragma_foreign_key_list(?1)"
    ))?;
    let mut found = Vec::new();
    for name in &names {
        let parents: Vec<String> = references
            .query_map([name], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        // A reference may use other upper and lower case than the table's name.
        let known = |parent: String| names.iter().find(|one| one.eq_ignore_ascii_case(&parent));
        let parents = parents.into_iter().filter_map(known);
        found.extend(parents.map(|parent| (name.clone(), parent.clone())));
    }
    Ok(ordered(names, &found))
}

/// Returns a table with the number of its rows.
fn table(sqlite: &Connection, name: &str) -> rusqlite::Result<Table> {
    let count = format!(host!("SELECT count(*) FROM {}"), quoted(name));
    let rows: i64 = sqlite.query_row(&count, [], |row| row.get(0))?;
    Ok(Table {
        name: name.to_owned(),
        columns: columns(sqlite, name)?,
        rows: rows.unsigned_abs(),
        last_id: last_id(sqlite, name)?,
    })
}

/// Returns the columns of a table that store values.
fn columns(sqlite: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    sqlite
        .prepare(host!(
            "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid"
        ))?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// Returns the last number that AUTOINCREMENT has assigned. `None` for a table without it.
fn last_id(sqlite: &Connection, table: &str) -> rusqlite::Result<Option<i64>> {
    if !has_autoincrement(sqlite)? {
        return Ok(None);
    }
    sqlite
        .query_row(
            host!("SELECT seq FROM sqlite_sequence WHERE name = ?1"),
            params![table],
            |row| row.get(0),
        )
        .optional()
}

/// Returns whether any table has AUTOINCREMENT. SQLite creates the table with the numbers together
/// with the first of them.
fn has_autoincrement(sqlite: &Connection) -> rusqlite::Result<bool> {
    sqlite.query_row(
        host!("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'"),
        [],
        |row| row.get(0),
    )
}
