//! The files that a component is built from, watched for changes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::cli::project::{FILE, Project, Seed};

/// How long the files must stay the same before a change counts: editors and version control write
/// several files.
const QUIET: Duration = Duration::from_millis(50);

/// Folders that hold what tools make, and no sources. Neither do hidden folders.
const GENERATED: [&str; 5] = ["__pycache__", "dist", "node_modules", "target", "venv"];

/// The sources of a project. They are watched until the value is dropped.
pub(super) struct Sources {
    root: PathBuf,
    /// What is watched; `None`: everything in the root.
    chosen: Option<Vec<PathBuf>>,
    /// What the build makes.
    output: PathBuf,
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    /// The content at the last build.
    built: u64,
}

impl Sources {
    /// Begins to watch the sources of a project.
    ///
    /// # Errors
    /// A path of `[build] watch` does not exist, or the system cannot watch.
    pub(super) fn watch(project: &Project) -> Result<Self> {
        let chosen = match project.watch() {
            Some(paths) => {
                let mut chosen: Vec<_> = paths.iter().map(|path| project.root.join(path)).collect();
                for path in &chosen {
                    if !path.exists() {
                        bail!("{FILE}: [build] watch: there is no {}", path.display());
                    }
                }
                // Not part of the build, but a change of it counts.
                chosen.extend(project.seed().ok().flatten().map(|seed| match seed {
                    Seed::Sql(path) | Seed::Hurl(path) => path,
                }));
                Some(chosen)
            }
            None => None,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event| {
            // If nobody receives any more, the watcher is about to be dropped.
            let _ = sender.send(event);
        })?;
        let mut sources = Sources {
            root: project.root.clone(),
            chosen,
            output: project.output(),
            watcher,
            events,
            built: 0,
        };
        sources.follow()?;
        sources.built = sources.content();
        Ok(sources)
    }

    /// Returns what counts: files, and folders with all that is below them.
    fn roots(&self) -> Vec<PathBuf> {
        if let Some(chosen) = &self.chosen {
            return chosen.clone();
        }
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| self.is_source(path)).collect()
    }

    /// Watches all roots, also those that were made since the last call.
    fn follow(&mut self) -> Result<()> {
        let mut folders = BTreeSet::from([(self.root.clone(), false)]);
        for root in self.roots() {
            if root.is_dir() {
                folders.insert((root, true));
            } else if let Some(folder) = root.parent().filter(|folder| folder.is_dir()) {
                // Editors replace a file, so its folder is watched.
                folders.insert((folder.to_owned(), false));
            }
        }
        for (folder, below) in folders {
            let mode = match below {
                true => RecursiveMode::Recursive,
                false => RecursiveMode::NonRecursive,
            };
            let watched = self.watcher.watch(&folder, mode);
            watched.with_context(|| {
                format!(
                    "cannot watch {}; if the system's limit is reached, name what counts in \
                     {FILE}: [build] watch",
                    folder.display()
                )
            })?;
        }
        Ok(())
    }

    /// Waits until the sources have another content than at the last build and then stay the same for a
    /// moment. Returns when the last of them was saved. Cancel-safe.
    ///
    /// # Errors
    /// The system cannot watch any longer.
    pub(super) async fn changed(&mut self) -> Result<SystemTime> {
        loop {
            self.next().await?;
            let mut saved = SystemTime::now();
            // Only sources extend the wait: other files may change all the time.
            while let Ok(next) = tokio::time::timeout(QUIET, self.next()).await {
                next?;
                saved = SystemTime::now();
            }
            self.follow()?;
            let content = self.content();
            if content != self.built {
                self.built = content;
                return Ok(saved);
            }
        }
    }

    /// Waits until a source may have changed. Cancel-safe.
    async fn next(&mut self) -> Result<()> {
        loop {
            let event = self.events.recv().await;
            let event = event.context("the watcher has ended")??;
            if self.counts(&event) {
                return Ok(());
            }
        }
    }

    fn counts(&self, event: &Event) -> bool {
        let changes = !matches!(event.kind, EventKind::Access(_));
        // A queue that overflowed names no paths.
        changes && (event.need_rescan() || event.paths.iter().any(|path| self.is_source(path)))
    }

    /// Returns whether a path can be a source. Whether its content counts is decided by
    /// [`content`](Self::content).
    fn is_source(&self, path: &Path) -> bool {
        let chosen = match &self.chosen {
            Some(chosen) => chosen.iter().any(|chosen| path.starts_with(chosen)),
            None => true,
        };
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        chosen && path != self.output && below.iter().all(|name| !is_generated(name))
    }

    /// Returns a hash of the names and the content of all sources.
    fn content(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut roots = self.roots();
        roots.sort();
        for root in roots {
            self.add(&root, &mut hasher);
        }
        hasher.finish()
    }

    fn add(&self, path: &Path, hasher: &mut DefaultHasher) {
        if !self.is_source(path) {
            return;
        }
        path.hash(hasher);
        if path.is_dir() {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths {
                self.add(&path, hasher);
            }
        } else if path.is_file() {
            // A file that is gone or cannot be read now differs from what it was.
            fs::read(path).ok().hash(hasher);
        }
    }
}

fn is_generated(name: &OsStr) -> bool {
    let hidden = name.as_encoded_bytes().starts_with(b".");
    hidden || GENERATED.iter().any(|generated| name == *generated)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const BUILD: &str = "[build]\ncommand = \"true\"\noutput = \"logic.wasm\"\n";

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new(settings: &str) -> (Self, Sources) {
            let folder = Folder(tempfile::tempdir().unwrap());
            folder.write(FILE, &format!("{BUILD}{settings}"));
            folder.write("src/lib.rs", "one");
            folder.write("Makefile", "one");
            let project = Project::find(folder.0.path()).ok().flatten().unwrap();
            let sources = Sources::watch(&project).unwrap();
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

    #[tokio::test]
    async fn a_file_that_is_written_added_or_removed_is_a_change() {
        for settings in ["", "watch = [\"src\", \"Makefile\"]"] {
            let (folder, mut sources) = Folder::new(settings);
            let changes: [&dyn Fn(); 4] = [
                &|| folder.write("src/lib.rs", "longer"),
                &|| folder.write("src/deep/new.rs", ""),
                &|| folder.write("Makefile", "two"),
                &|| fs::remove_file(folder.path("src/lib.rs")).unwrap(),
            ];
            for change in changes {
                let began = SystemTime::now();
                change();
                let saved = sources.changed().await.unwrap();
                assert!(saved >= began, "{saved:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_made_later_is_watched() {
        let (folder, mut sources) = Folder::new("");
        folder.write("migrations/1.sql", "one");
        sources.changed().await.unwrap();
        folder.write("migrations/1.sql", "two");
        sources.changed().await.unwrap();
    }

    /// Each of these is followed by a real change, which is the only one that counts.
    #[tokio::test]
    async fn what_is_no_source_is_no_change() {
        let (folder, mut sources) = Folder::new("");
        for name in [
            "src/.lib.rs.swp",
            ".git/index",
            "target/release/a.o",
            "node_modules/a/index.js",
            "src/__pycache__/a.pyc",
            "logic.wasm",
        ] {
            folder.write(name, "new");
        }
        folder.write("src/lib.rs", "one");
        fs::read(folder.path("src/lib.rs")).unwrap();
        let waited = tokio::time::timeout(QUIET * 10, sources.changed()).await;
        assert!(waited.is_err(), "{waited:?}");
        folder.write("src/lib.rs", "two");
        sources.changed().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn files_that_are_read_all_the_time_do_not_delay_a_change() {
        let (folder, mut sources) = Folder::new("watch = [\"src\"]");
        let (busy, stop) = (folder.path("busy.log"), Arc::new(AtomicBool::new(false)));
        let writes = {
            let stop = stop.clone();
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    fs::write(&busy, "line").unwrap();
                    std::thread::sleep(QUIET / 10);
                }
            })
        };
        folder.write("src/lib.rs", "two");
        let changed = tokio::time::timeout(QUIET * 200, sources.changed()).await;
        stop.store(true, Ordering::Relaxed);
        writes.join().unwrap();
        changed.expect("in time").unwrap();
    }

    #[tokio::test]
    async fn a_change_while_nobody_waits_is_not_lost() {
        let (folder, mut sources) = Folder::new("");
        folder.write("src/lib.rs", "two");
        folder.write("src/other.rs", "two");
        sources.changed().await.unwrap();
        let again = tokio::time::timeout(QUIET * 10, sources.changed()).await;
        assert!(again.is_err(), "{again:?}");
    }

    #[test]
    fn a_path_that_is_missing_is_named() {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write(FILE, &format!("{BUILD}watch = [\"source\"]"));
        let project = Project::find(folder.0.path()).ok().flatten().unwrap();
        let error = Sources::watch(&project).err().unwrap().to_string();
        assert!(error.contains("there is no"), "{error}");
        assert!(error.ends_with("/source"), "{error}");
    }
}
