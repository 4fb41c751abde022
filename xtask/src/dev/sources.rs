//! Files that are watched for changes, by their size and time of change.
//!
//! They are looked at twenty times a second: for a hundred files that costs nothing worth sparing,
//! and it works alike on every file system and with every editor, where notifications do not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(50);

/// The files below some folders.
pub struct Sources {
    roots: Vec<PathBuf>,
}

/// The files as they were at one moment.
pub type Snapshot = BTreeMap<PathBuf, Stamp>;

/// What changes with a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    modified: SystemTime,
    size_bytes: u64,
}

impl Sources {
    /// The files below these folders; a root may also be a file, or not exist.
    pub fn new(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        Sources {
            roots: roots.into_iter().collect(),
        }
    }

    /// The files as they are now. Links are not followed, and hidden files are none: editors
    /// keep their own there. What vanishes meanwhile is left out.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for root in &self.roots {
            add(root, &mut snapshot);
        }
        snapshot
    }

    /// Waits until the files differ from `known` and stay the same for a moment: editors and
    /// version control write several. Returns them, and when the last change was saved. Asks
    /// `go_on` as often as it looks, and returns none where that says no.
    ///
    /// # Errors
    /// What `go_on` returned.
    pub fn changed(
        &self,
        known: &Snapshot,
        mut go_on: impl FnMut() -> Result<bool>,
    ) -> Result<Option<(Snapshot, SystemTime)>> {
        let mut last = known.clone();
        loop {
            let now = self.snapshot();
            if now != *known && now == last {
                let saved = saved(known, &now);
                return Ok(Some((now, saved)));
            }
            last = now;
            if !go_on()? {
                return Ok(None);
            }
            thread::sleep(EVERY);
        }
    }
}

fn add(path: &Path, snapshot: &mut Snapshot) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    if metadata.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                add(&entry.path(), snapshot);
            }
        }
    } else if metadata.is_file()
        && let Ok(modified) = metadata.modified()
    {
        let stamp = Stamp {
            modified,
            size_bytes: metadata.len(),
        };
        snapshot.insert(path.to_owned(), stamp);
    }
}

/// When the latest of the files that differ was written; now, where files only vanished.
fn saved(before: &Snapshot, after: &Snapshot) -> SystemTime {
    let differ = after
        .iter()
        .filter(|(path, stamp)| before.get(*path) != Some(stamp));
    differ
        .map(|(_, stamp)| stamp.modified)
        .max()
        .unwrap_or_else(SystemTime::now)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> (Self, Sources) {
            let folder = Folder(tempfile::tempdir().unwrap());
            folder.write("src/lib.rs", "one");
            let sources = Sources::new([folder.path("src"), folder.path("not-there")]);
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

    #[test]
    fn a_file_that_is_written_added_or_removed_is_a_change() {
        let (folder, sources) = Folder::new();
        let mut known = sources.snapshot();
        let changes: [&dyn Fn(); 3] = [
            &|| folder.write("src/lib.rs", "longer"),
            &|| folder.write("src/deep/new.rs", ""),
            &|| fs::remove_file(folder.path("src/lib.rs")).unwrap(),
        ];
        for change in changes {
            let began = SystemTime::now() - Duration::from_secs(60);
            change();
            let (now, saved) = sources.changed(&known, || Ok(true)).unwrap().unwrap();
            assert_ne!(now, known);
            assert!(saved > began, "{saved:?}");
            known = now;
        }
        assert_eq!(
            known.into_keys().collect::<Vec<_>>(),
            [folder.path("src/deep/new.rs")]
        );
    }

    #[test]
    fn what_was_saved_is_the_latest_of_the_files_that_differ() {
        let stamp = |seconds| Stamp {
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            size_bytes: 1,
        };
        let name = PathBuf::from;
        let before = Snapshot::from([(name("same"), stamp(90)), (name("changed"), stamp(1))]);
        let after = Snapshot::from([
            (name("same"), stamp(90)),
            (name("changed"), stamp(20)),
            (name("new"), stamp(10)),
        ]);
        assert_eq!(saved(&before, &after), stamp(20).modified);
    }

    #[test]
    fn hidden_files_and_links_are_not_watched() {
        let (folder, sources) = Folder::new();
        let known = sources.snapshot();
        folder.write("src/.lib.rs.swp", "");
        folder.write("elsewhere/file", "");
        std::os::unix::fs::symlink(folder.path("elsewhere"), folder.path("src/link")).unwrap();
        assert_eq!(sources.snapshot(), known);
    }

    #[test]
    fn files_that_still_change_are_waited_for() {
        let (folder, sources) = Folder::new();
        let known = sources.snapshot();
        let mut writes = 0;
        let write_on = || {
            if writes < 3 {
                writes += 1;
                folder.write("src/lib.rs", &"x".repeat(10 * writes));
            }
            Ok(true)
        };
        let (now, _) = sources.changed(&known, write_on).unwrap().unwrap();
        assert_eq!(now[&folder.path("src/lib.rs")].size_bytes, 30);
    }

    #[test]
    fn waiting_ends_when_there_is_nothing_left_to_wait_for() {
        let (_folder, sources) = Folder::new();
        let known = sources.snapshot();
        let error = sources
            .changed(&known, || bail!("the host has ended"))
            .unwrap_err();
        assert_eq!(error.to_string(), "the host has ended");
        assert_eq!(sources.changed(&known, || Ok(false)).unwrap(), None);
    }
}
