//! Copies a database file that may be in use. The copy is one snapshot, compact, checked and
//! durable.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::super::failure::message;
use super::super::file::check_alias;
use super::super::schema::host;
use crate::transfer::TransferError;

/// Copies the database to a new file. Blocks until the copy is complete.
///
/// The copy is first written to another file in the same directory and renamed when it is complete,
/// so a file with the name is always a complete copy.
///
/// # Errors
/// Returns [`TransferError`] if there is no database or the copy cannot be written. Then no file
/// with that name was created.
pub(crate) fn backup(path: &Path, copy: &Path) -> Result<(), TransferError> {
    if !path.is_file() {
        return Err(TransferError::Missing(path.display().to_string()));
    }
    check_alias(path)?;
    if copy.exists() {
        let copy = copy.display();
        return Err(TransferError::Failed(format!("{copy} already exists")));
    }
    let mut partial = copy.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Partial(partial.into());
    // An interrupted backup may have left one.
    let _ = fs::remove_file(&partial.0);
    copy_into(path, &partial.0).map_err(|error| TransferError::Failed(message(&error)))?;
    sync_and_rename(&partial.0, copy).map_err(|error| {
        TransferError::Failed(format!("{} cannot be written: {error}", copy.display()))
    })
}

/// A file that is removed when this is dropped, unless it was renamed.
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
    sqlite.execute(host!("VACUUM INTO ?1"), [&name])?;
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

/// Syncs the copy, which VACUUM INTO does not, and gives it its name.
fn sync_and_rename(partial: &Path, copy: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, copy)?;
    let directory = match copy.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}
