//! Copies a database file that may be in use: one snapshot, compact, checked and durable.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::super::failure::message;
use crate::transfer::TransferError;

/// Copies the database to a file that is not there yet. Blocks while it works.
///
/// The copy is written beside its place and moved there when it is whole, so that what has the
/// name is a whole copy.
///
/// # Errors
/// [`TransferError`]; there is no file of that name.
pub(crate) fn backup(path: &Path, copy: &Path) -> Result<(), TransferError> {
    if !path.is_file() {
        return Err(TransferError::Missing(path.display().to_string()));
    }
    if copy.exists() {
        let copy = copy.display();
        return Err(TransferError::Failed(format!("{copy} is there already")));
    }
    let mut partial = copy.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Partial(partial.into());
    // What a copy that was broken off has left.
    let _ = fs::remove_file(&partial.0);
    copy_into(path, &partial.0).map_err(|error| TransferError::Failed(message(&error)))?;
    keep(&partial.0, copy).map_err(|error| {
        TransferError::Failed(format!("{} cannot be kept: {error}", copy.display()))
    })
}

/// Removed unless it was moved away.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn copy_into(path: &Path, partial: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite = Connection::open_with_flags(path, flags)?;
    let name = partial.to_string_lossy();
    sqlite.execute("/*task-host*/VACUUM INTO ?1", [&name])?;
    let copy = Connection::open_with_flags(partial, flags)?;
    let verdict: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => {
            let damaged = format!("the database is damaged: {verdict}");
            Err(rusqlite::Error::ToSqlConversionFailure(damaged.into()))
        }
    }
}

/// SQLite does not sync what it vacuums into.
fn keep(partial: &Path, copy: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, copy)?;
    let directory = match copy.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}
