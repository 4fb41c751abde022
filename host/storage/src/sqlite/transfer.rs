//! Copies of SQLite's data: [`export`] reads a file that a host may have open, [`import`] fills
//! an empty database, [`backup`] copies the file itself. Here is what they share: the tables.

pub(super) mod backup;
pub(super) mod export;
pub(super) mod import;

use rusqlite::{Connection, OptionalExtension, params};

use super::schema;
use crate::transfer::{Applied, Table, ordered};

/// The migrations that were applied, in order.
fn migrations(sqlite: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let steps = schema::applied(sqlite)?.into_iter();
    let applied = steps.map(|step| Applied {
        name: step.name,
        checksum: step.checksum,
    });
    Ok(applied.collect())
}

/// The names of the logic's tables, each after those that it refers to, where that can be.
fn names(sqlite: &Connection) -> rusqlite::Result<Vec<String>> {
    let names: Vec<String> = sqlite
        .prepare(
            "/*task-host*/SELECT name FROM sqlite_schema WHERE type = 'table' \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND name NOT LIKE 'task\\_host\\_%' ESCAPE '\\' ORDER BY name",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut references = sqlite.prepare(
        "/*task-host*/SELECT DISTINCT lower(\"table\") FROM pragma_foreign_key_list(?1)",
    )?;
    let mut found = Vec::new();
    for name in &names {
        let parents: Vec<String> = references
            .query_map([name], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        // A reference may be written in other letters than the table.
        let known = |parent: String| names.iter().find(|one| one.eq_ignore_ascii_case(&parent));
        let parents = parents.into_iter().filter_map(known);
        found.extend(parents.map(|parent| (name.clone(), parent.clone())));
    }
    Ok(ordered(names, &found))
}

/// A table, with the number of its rows.
fn table(sqlite: &Connection, name: &str) -> rusqlite::Result<Table> {
    let count = format!("/*task-host*/SELECT count(*) FROM {}", quoted(name));
    let rows: i64 = sqlite.query_row(&count, [], |row| row.get(0))?;
    Ok(Table {
        name: name.to_owned(),
        columns: columns(sqlite, name)?,
        rows: rows.unsigned_abs(),
        last_id: last_id(sqlite, name)?,
    })
}

/// The columns of a table that values are written to.
fn columns(sqlite: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    sqlite
        .prepare(
            "/*task-host*/SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid",
        )?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// What AUTOINCREMENT remembers; none for a table that does not count.
fn last_id(sqlite: &Connection, table: &str) -> rusqlite::Result<Option<i64>> {
    if !counts(sqlite)? {
        return Ok(None);
    }
    sqlite
        .query_row(
            "/*task-host*/SELECT seq FROM sqlite_sequence WHERE name = ?1",
            params![table],
            |row| row.get(0),
        )
        .optional()
}

/// Whether any table counts: SQLite remembers it in a table of its own, made for the first.
fn counts(sqlite: &Connection) -> rusqlite::Result<bool> {
    sqlite.query_row(
        "/*task-host*/SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'",
        [],
        |row| row.get(0),
    )
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
