//! Compiled code on disk, by component digest and engine fingerprint.
//!
//! An entry is sealed with a [`CodeKey`]: an HMAC-SHA256 followed by the code. The key lies outside
//! the directory, so that a user who can write entries cannot make one that the host would run. An
//! entry that is stale, damaged or sealed with another key is a cache miss, never a failure.
//!
//! Several processes may share the directory. An entry is written to a temporary file, synced and
//! renamed, so a reader sees either a complete entry or no entry.

use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::compiler::CompiledCode;
use super::key::CodeKey;

/// Suffix of an entry's file name.
const ENTRY: &str = ".code";

/// Suffix of the file name of an entry that is being written.
const UNFINISHED: &str = ".code.tmp";

/// Age after which an unfinished entry is removed: its writer was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A directory of compiled code.
pub struct CodeCache {
    directory: PathBuf,
    key: CodeKey,
}

impl CodeCache {
    /// Opens a cache. If the directory or the key does not exist, creates it, readable only by
    /// this user.
    ///
    /// # Errors
    /// Returns an error if either cannot be created or read.
    pub fn open(directory: &Path, key: &Path) -> anyhow::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| {
                let reason = match directory.exists() || !directory.is_symlink() {
                    true => "",
                    false => ", which is a link to a directory that does not exist",
                };
                format!(
                    "cannot create the code cache {}{reason}",
                    directory.display()
                )
            })?;
        let key = CodeKey::read_or_make(key)
            .with_context(|| format!("cannot use the code cache's key {}", key.display()))?;
        let cache = CodeCache {
            directory: directory.to_owned(),
            key,
        };
        cache.remove(|name, age| name.ends_with(UNFINISHED) && age > ABANDONED);
        Ok(cache)
    }

    /// Returns the code of a component for an engine, or `None` if there is no valid entry.
    pub fn get(&self, digest: &str, fingerprint: &str) -> Option<CompiledCode> {
        let entry = std::fs::read(self.path(digest, fingerprint)).ok()?;
        self.key.open(digest, fingerprint, entry)
    }

    /// Writes an entry for the code of a component, replacing an older one.
    ///
    /// # Errors
    /// Returns an error if the entry cannot be written. An older entry stays intact.
    pub fn put(&self, digest: &str, fingerprint: &str, code: &CompiledCode) -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .suffix(UNFINISHED)
            .tempfile_in(&self.directory)?;
        file.write_all(&self.key.seal(digest, fingerprint, code))?;
        file.as_file().sync_all()?;
        file.persist(self.path(digest, fingerprint))?;
        Ok(())
    }

    /// Removes the code of a component for all engines.
    pub fn forget(&self, digest: &str) {
        let prefix = format!("{digest}-");
        self.remove(|name, _| name.starts_with(&prefix) && name.ends_with(ENTRY));
    }

    /// Removes the files for which `unwanted` returns true, given their name and age. A file that
    /// cannot be removed is logged and stays; it only takes up space.
    fn remove(&self, unwanted: impl Fn(&str, Duration) -> bool) {
        let entries = std::fs::read_dir(&self.directory);
        for entry in entries.into_iter().flatten().flatten() {
            let written = entry.metadata().and_then(|of| of.modified()).ok();
            let age = written.and_then(|written| written.elapsed().ok());
            if let Some(name) = entry.file_name().to_str()
                && unwanted(name, age.unwrap_or_default())
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!("cannot remove {name} from the code cache: {error}");
            }
        }
    }

    fn path(&self, digest: &str, fingerprint: &str) -> PathBuf {
        self.directory
            .join(format!("{digest}-{fingerprint}{ENTRY}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn cache(folder: &Path) -> CodeCache {
        CodeCache::open(&folder.join("cache"), &folder.join("key")).unwrap()
    }

    fn names(cache: &CodeCache) -> Vec<String> {
        let entries = std::fs::read_dir(&cache.directory).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_component_is_forgotten_with_its_code_for_all_engines() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        for (digest, fingerprint) in [("a", "1"), ("a", "2"), ("ab", "1"), ("b", "1")] {
            let code = CompiledCode::vouched(vec![7]);
            cache.put(digest, fingerprint, &code).unwrap();
        }
        std::fs::write(cache.directory.join("a-list.txt"), "mine").unwrap();
        cache.forget("a");
        assert_eq!(names(&cache), ["a-list.txt", "ab-1.code", "b-1.code"]);
        assert!(cache.get("a", "1").is_none());
        assert_eq!(cache.get("b", "1").unwrap().bytes(), [7]);
    }

    #[test]
    fn an_unfinished_entry_of_a_killed_process_is_removed_after_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let directory = cache(folder.path()).directory;
        let ages = [
            ("old.code.tmp", 3700),
            ("new.code.tmp", 3500),
            ("old.tmp", 3700),
        ];
        for (name, seconds) in ages {
            let file = std::fs::File::create(directory.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
                .unwrap();
        }
        assert_eq!(names(&cache(folder.path())), ["new.code.tmp", "old.tmp"]);
    }
}
