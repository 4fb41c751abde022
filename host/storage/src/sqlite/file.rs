//! The files of a database: where they are, and that they are this process's alone.
//!
//! Nothing here opens the database file or its `-shm` file: closing one would drop the POSIX
//! locks that SQLite holds on it in this process. The lock against other hosts is on a file
//! beside them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::OpenError;

/// The place of a database. It is locked until this is dropped, which has to be after the last
/// connection was closed.
pub(super) struct DatabaseFile {
    path: PathBuf,
    /// Held for its lock; the system takes it back when the process dies.
    _lock: File,
    /// Of a temporary database; removed when dropped.
    _directory: Option<TempDir>,
}

impl DatabaseFile {
    /// Finds and locks the file at a path, or makes a place for a temporary one.
    ///
    /// # Errors
    /// Every [`OpenError`] but `NotADatabase`.
    pub(super) fn claim(path: Option<&Path>) -> Result<Self, OpenError> {
        let (path, directory) = match path {
            Some(path) => (resolve(path).map_err(|error| refused(path, &error))?, None),
            None => {
                let directory = TempDir::with_prefix("task-host-")
                    .map_err(|error| refused(Path::new("in a temporary directory"), &error))?;
                (directory.path().join("database"), Some(directory))
            }
        };
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(&path, "-lock"))
            .map_err(|error| refused(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path,
                _lock: lock,
                _directory: directory,
            }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: path.display().to_string(),
            }),
            Err(TryLockError::Error(error)) => Err(refused(&path, &error)),
        }
    }

    /// The database file: absolute, with no symbolic links in it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the write-ahead log. SQLite keeps this one file while a connection is open.
    ///
    /// # Errors
    /// [`OpenError::Failed`], also where SQLite has not made it yet.
    pub(super) fn open_log(&self) -> Result<File, OpenError> {
        File::open(beside(&self.path, "-wal")).map_err(|error| refused(&self.path, &error))
    }

    /// Makes the files' names durable: without it they may be gone after a loss of power,
    /// whatever was synced into them.
    ///
    /// # Errors
    /// [`OpenError::Failed`].
    pub(super) fn sync_directory(&self) -> Result<(), OpenError> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        [Some(directory), directory.parent()]
            .into_iter()
            .flatten()
            .try_for_each(|directory| File::open(directory)?.sync_all())
            .map_err(|error| refused(&self.path, &error))
    }
}

/// One file has one path, so that its lock and its log have one name each.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("the path names no file"))?;
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    if !directory.exists() {
        fs::create_dir(directory)?;
    }
    let file = fs::canonicalize(directory)?.join(name);
    match fs::canonicalize(&file) {
        Ok(file) if file.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(file),
        Err(error) => Err(error),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn refused(path: &Path, error: &io::Error) -> OpenError {
    let (path, reason) = (path.display().to_string(), error.to_string());
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path, reason }
        }
        _ => OpenError::Failed { path, reason },
    }
}
