//! Finds the files of a database, locks them for this process, and notices if they are moved.
//!
//! Two locks keep other hosts out, because a file may have several paths, and a path several files
//! in the course of time. One is on a separate file next to the database, so it belongs to the path.
//! The other one is on the database file itself, so it belongs to the inode, whatever its path.
//!
//! Both are `flock` locks, which Linux keeps apart from the POSIX locks that SQLite takes. On a
//! network file system they are not apart, so there only the first lock is taken.
//!
//! Closing any descriptor of the database file would release the POSIX locks that SQLite holds on
//! it in this process. So the descriptor with the lock stays open until the last connection is
//! closed, [`IN_USE`] prevents a second one, and nothing else here opens the file or its `-shm` file.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};
use tempfile::TempDir;

use crate::{OpenError, StorageFault};

/// What SQLite adds to a database's name for the files that belong to it.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The database files that this process has open.
static IN_USE: LazyLock<Mutex<HashSet<Inode>>> = LazyLock::new(Mutex::default);

/// Identifies a file on this machine, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Inode {
    device: u64,
    number: u64,
}

/// The file of a database. It is locked until this is dropped, which must happen after the last
/// connection was closed.
pub(super) struct DatabaseFile {
    /// As the configuration names it.
    given: PathBuf,
    /// Absolute and without symbolic links.
    path: PathBuf,
    /// Held for its lock. The operating system releases it when the process ends.
    _lock: File,
    /// Held for its lock, as `_lock`.
    _inode: LockedInode,
    /// The directory of a temporary database. Removed when dropped.
    _directory: Option<TempDir>,
}

/// The open database file, with a lock and in [`IN_USE`].
struct LockedInode {
    /// `None` only while it is dropped.
    file: Option<File>,
    inode: Inode,
}

/// The names of a database's files, each with the file that it had when the database was opened.
pub(super) struct Names {
    /// The path that the configuration names. Links in it may change.
    given: PathBuf,
    /// Paths without links: of the database file first, then of those that belong to it.
    files: Vec<(PathBuf, Inode)>,
}

impl DatabaseFile {
    /// Finds and locks the file at a path, or makes a directory for a temporary one. Creates an
    /// empty file if it is missing.
    ///
    /// # Errors
    /// Returns [`OpenError::InUse`], [`OpenError::Alias`], [`OpenError::ReadOnly`] or
    /// [`OpenError::Failed`].
    pub(super) fn claim(given: Option<&Path>) -> Result<Self, OpenError> {
        let (path, directory) = match given {
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
        try_lock(&lock, &path)?;
        check_alias(&path)?;
        check_log(&path)?;
        Ok(Self {
            given: given.map_or_else(|| path.clone(), Path::to_owned),
            _inode: LockedInode::claim(&path)?,
            path,
            _lock: lock,
            _directory: directory,
        })
    }

    /// Notes which files the database's names have now. A connection must be open, so that SQLite
    /// has created them.
    ///
    /// # Errors
    /// Returns [`OpenError::Failed`] if a name was moved while the database was opened.
    pub(super) fn names(&self) -> Result<Names, OpenError> {
        let mut files = Vec::new();
        for suffix in SUFFIXES {
            let path = with_suffix(&self.path, suffix);
            match fs::symlink_metadata(&path) {
                Ok(found) => files.push((path, Inode::of(&found))),
                // SQLite has no log yet if nothing was ever written or read.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => {}
                Err(error) => return Err(refused(&self.path, &error)),
            }
        }
        match files.first() {
            Some((_, inode)) if *inode == self._inode.inode => Ok(Names {
                given: self.given.clone(),
                files,
            }),
            _ => Err(OpenError::Failed {
                path: self.path.display().to_string(),
                reason: "it was replaced while it was opened".to_owned(),
            }),
        }
    }

    /// Returns the path of the database file, absolute and without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the file is removed when it is closed.
    pub(super) fn is_temporary(&self) -> bool {
        self._directory.is_some()
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

impl LockedInode {
    /// Opens and locks the file at a path.
    fn claim(path: &Path) -> Result<Self, OpenError> {
        // Held until the end, so that two threads do not open the same file.
        let mut in_use = IN_USE.lock();
        if let Ok(found) = fs::metadata(path)
            && in_use.contains(&Inode::of(&found))
        {
            return Err(OpenError::InUse {
                path: path.display().to_string(),
            });
        }
        let open = || {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(path)?;
            let inode = Inode::of(&file.metadata()?);
            Ok((file, inode))
        };
        let (file, inode) = open().map_err(|error| refused(path, &error))?;
        if !on_network(&file) {
            try_lock(&file, path)?;
        }
        in_use.insert(inode);
        Ok(Self {
            file: Some(file),
            inode,
        })
    }
}

impl Drop for LockedInode {
    fn drop(&mut self) {
        let mut in_use = IN_USE.lock();
        self.file.take();
        in_use.remove(&self.inode);
    }
}

impl Inode {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            number: found.ino(),
        }
    }
}

impl Names {
    /// Checks that each name still has the same file. Takes microseconds.
    ///
    /// # Errors
    /// Returns [`StorageFault::Moved`] with the first name that has not.
    pub(super) fn check(&self) -> Result<(), StorageFault> {
        let mut files = self.files.iter();
        files.try_for_each(|(path, inode)| check_name(path, fs::symlink_metadata(path), *inode))?;
        match self.files.first() {
            Some((path, inode)) if *path != self.given => {
                check_name(&self.given, fs::metadata(&self.given), *inode)
            }
            _ => Ok(()),
        }
    }
}

fn check_name(path: &Path, found: io::Result<Metadata>, inode: Inode) -> Result<(), StorageFault> {
    use io::ErrorKind::{NotADirectory, NotFound};
    let what = match found {
        Ok(found) if Inode::of(&found) == inode => return Ok(()),
        Ok(_) => "is another file now",
        Err(error) if [NotFound, NotADirectory].contains(&error.kind()) => "was removed",
        // Such as a lack of memory or rights: the file is still there.
        Err(_) => return Ok(()),
    };
    Err(StorageFault::Moved(format!("{} {what}", path.display())))
}

/// Checks that the files of a database have one name each, and that it is theirs: SQLite finds the
/// log by the name of the database file.
///
/// # Errors
/// Returns [`OpenError::Alias`] if not.
pub(super) fn check_alias(path: &Path) -> Result<(), OpenError> {
    // SQLite follows symbolic links before it adds the suffix.
    let database = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for suffix in SUFFIXES {
        let path = with_suffix(&database, suffix);
        let Ok(found) = fs::symlink_metadata(&path) else {
            continue;
        };
        let reason = if found.is_symlink() {
            "is a symbolic link: put the file itself there".to_owned()
        } else if found.nlink() > 1 {
            format!(
                "has {} names (hard links), so another process may write to it without its \
                 write-ahead log: remove the other names (find -samefile), or use a copy",
                found.nlink()
            )
        } else if is_mount_point(&path) {
            "is a mount point, so its write-ahead log would be elsewhere: mount its directory"
                .to_owned()
        } else {
            continue;
        };
        return Err(OpenError::Alias {
            path: path.display().to_string(),
            reason,
        });
    }
    Ok(())
}

/// Checks that a log has its database. SQLite deletes the log of an empty one.
fn check_log(path: &Path) -> Result<(), OpenError> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let log = with_suffix(path, "-wal");
    if length(path) > 0 || length(&log) == 0 {
        return Ok(());
    }
    Err(OpenError::Failed {
        path: path.display().to_string(),
        reason: format!(
            "it is missing or empty, but its write-ahead log {} is not: put the database back, or \
             move the log away",
            log.display()
        ),
    })
}

/// Whether a file alone was mounted. `false` if the system cannot tell.
fn is_mount_point(path: &Path) -> bool {
    rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Whether a file is on a network file system. These turn `flock` into a POSIX lock, with which
/// SQLite's own would collide.
fn on_network(file: &File) -> bool {
    /// NFS, SMB (three clients), Ceph and AFS, in `statfs(2)`.
    const NETWORK: [u32; 6] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x00c3_6400,
        0x5346_414f,
    ];
    rustix::fs::fstatfs(file).is_ok_and(|found| NETWORK.contains(&(found.f_type as u32)))
}

fn try_lock(file: &File, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(refused(path, &error)),
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
