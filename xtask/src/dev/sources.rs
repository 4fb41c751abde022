//! The files of the logic, watched for changes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How long the files must stay the same before a change counts: editors and version control write
/// several files.
const QUIET: Duration = Duration::from_millis(50);

/// The files below some folders, watched until the value is dropped.
pub struct Sources {
    roots: Vec<PathBuf>,
    events: Receiver<notify::Result<Event>>,
    _watcher: RecommendedWatcher,
}

impl Sources {
    /// Begins to watch `folders`, of which only the files below `roots` count. Hidden files do not
    /// count: editors keep their own there.
    ///
    /// # Errors
    /// If a folder cannot be watched.
    pub fn watch(folders: &[PathBuf], roots: Vec<PathBuf>) -> Result<Self> {
        let (sender, events) = channel();
        let mut watcher = notify::recommended_watcher(sender)?;
        for folder in folders {
            watcher
                .watch(folder, RecursiveMode::Recursive)
                .with_context(|| format!("cannot watch {}", folder.display()))?;
        }
        Ok(Sources {
            roots,
            events,
            _watcher: watcher,
        })
    }

    /// Waits until files have changed since the last call and then stay the same for a moment. Returns
    /// when the last of them was saved. Calls `go_on` while it waits, and returns `None` when that
    /// returns false.
    ///
    /// # Errors
    /// If the system cannot watch any longer, or `go_on` fails.
    pub fn changed(&self, mut go_on: impl FnMut() -> Result<bool>) -> Result<Option<SystemTime>> {
        let mut saved = None;
        loop {
            match self.events.recv_timeout(QUIET) {
                Ok(event) => {
                    if self.counts(&event?) {
                        saved = Some(SystemTime::now());
                    }
                }
                Err(RecvTimeoutError::Timeout) if saved.is_some() => return Ok(saved),
                Err(RecvTimeoutError::Timeout) => {
                    if !go_on()? {
                        return Ok(None);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the watcher has ended"),
            }
        }
    }

    fn counts(&self, event: &Event) -> bool {
        let changes = !matches!(event.kind, EventKind::Access(_));
        changes && event.paths.iter().any(|path| self.is_source(path))
    }

    fn is_source(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| {
            path.strip_prefix(root).is_ok_and(|below| {
                let mut names = below.iter();
                !names.any(|name| name.as_encoded_bytes().starts_with(b"."))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> (Self, Sources) {
            let folder = Folder(tempfile::tempdir().unwrap());
            folder.write("src/lib.rs", "one");
            let roots = vec![folder.path("src"), folder.path("Cargo.toml")];
            let sources = Sources::watch(&[folder.0.path().to_owned()], roots).unwrap();
            (folder, sources)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// Goes on for a second.
    fn for_a_second() -> impl FnMut() -> Result<bool> {
        let began = Instant::now();
        move || Ok(began.elapsed() < Duration::from_secs(1))
    }

    #[test]
    fn a_file_that_is_written_added_or_removed_is_a_change() {
        let (folder, sources) = Folder::new();
        let changes: [&dyn Fn(); 4] = [
            &|| folder.write("src/lib.rs", "longer"),
            &|| folder.write("src/deep/new.rs", ""),
            &|| folder.write("Cargo.toml", ""),
            &|| fs::remove_file(folder.path("src/lib.rs")).unwrap(),
        ];
        for change in changes {
            let began = SystemTime::now();
            change();
            let saved = sources.changed(|| Ok(true)).unwrap().unwrap();
            assert!(saved >= began, "{saved:?}");
        }
        assert_eq!(sources.changed(|| Ok(false)).unwrap(), None);
    }

    #[test]
    fn hidden_files_and_files_elsewhere_are_no_change() {
        let (folder, sources) = Folder::new();
        folder.write("src/.lib.rs.swp", "");
        folder.write("elsewhere/file", "");
        fs::read(folder.path("src/lib.rs")).unwrap();
        assert_eq!(sources.changed(for_a_second()).unwrap(), None);
    }

    #[test]
    fn waiting_ends_when_there_is_nothing_left_to_wait_for() {
        let (_folder, sources) = Folder::new();
        let error = sources.changed(|| bail!("the host has ended")).unwrap_err();
        assert_eq!(error.to_string(), "the host has ended");
        assert_eq!(sources.changed(|| Ok(false)).unwrap(), None);
    }
}
