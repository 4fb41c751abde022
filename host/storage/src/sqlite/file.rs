//! Finds the files of a database and locks them for this process.
//!
//! Nothing here opens the database file or its `-shm` file: closing one would release the POSIX
//! locks that SQLite holds on it in this process. The lock against other hosts is on a separate
//! file next to them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::OpenError;

/// The file of a database. It is locked until this is dropped, which must happen after the last
/// connection was closed.
pub(super) struct DatabaseFile {
    path: PathBuf,
    /// Held for its lock. The operating system releases it when the process ends.
    _lock: File,
    /// The directory of a temporary database. Removed when dropped.
    _directory: Option<TempDir>,
}

impl DatabaseFile {
    /// Finds and locks the file at a path, or makes a directory for a temporary one.
    ///
    /// # Errors
    /// Returns [`OpenError::InUse`], [`OpenError::ReadOnly`] or [`OpenError::Failed`].
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
            .open(with_suffix(&path, "-lock"))
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

    /// Returns the path of the database file, absolute and without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the write-ahead log. It stays the same file while a connection is open.
    ///
    /// # Errors
    /// Returns [`OpenError::ReadOnly`] or [`OpenError::Failed`] if it cannot be opened, for example
    /// because SQLite has not created it yet.
    pub(super) fn open_log(&self) -> Result<File, OpenError> {
        File::open(with_suffix(&self.path, "-wal")).map_err(|error| refused(&self.path, &error))
    }

    /// Makes the files' names durable. Otherwise the files may be missing after a loss of power,
    /// even if their content was synced.
    ///
    /// # Errors
    /// Returns [`OpenError::ReadOnly`] or [`OpenError::Failed`] if a directory cannot be synced.
    pub(super) fn sync_directory(&self) -> Result<(), OpenError> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        [Some(directory), directory.parent()]
            .into_iter()
            .flatten()
            .try_for_each(|directory| File::open(directory)?.sync_all())
            .map_err(|error| refused(&self.path, &error))
    }
}

/// Returns the one path of a file, so that its lock and its log have one name each.
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

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
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
