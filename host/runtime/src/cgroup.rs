//! The control groups of this process: what they say about swap and memory.
//!
//! A limit of a group holds for all groups below it, so each question is asked of the process's own
//! group and of every group above it that is visible here. In a container that is usually one.

use std::fs;
use std::path::{Path, PathBuf};

/// The control groups of this process.
pub(super) struct Cgroups {
    /// The groups of version 2, the process's own first.
    unified: Vec<PathBuf>,
    /// The groups of the memory controller of version 1, the process's own first.
    memory: Vec<PathBuf>,
}

impl Cgroups {
    /// Looks the groups up below `root`, which is `/` except in tests. Empty where `/proc` does not
    /// list them.
    pub(super) fn below(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let (groups, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
        Cgroups {
            unified: directories(root, &groups, &mounts, ""),
            memory: directories(root, &groups, &mounts, "memory"),
        }
    }

    /// Returns the group that forbids swap: a page of this process cannot be swapped out then,
    /// whatever swap the machine has.
    ///
    /// Only version 2 can forbid it. In version 1 `memory.memsw.limit_in_bytes` limits the sum of
    /// memory and swap, which swapping a page out does not change.
    pub(super) fn forbids_swap(&self) -> Option<&Path> {
        let mut groups = self.unified.iter();
        let forbids = |group: &&PathBuf| number(group, "memory.swap.max") == Some(0);
        groups.find(forbids).map(PathBuf::as_path)
    }

    /// Returns how much memory this process and its neighbours in the group may use together, in
    /// bytes. `None`: as much as the machine has.
    pub(super) fn memory_limit(&self) -> Option<u64> {
        /// Version 1 has no word for "unlimited", but a number beyond every machine's memory.
        const UNLIMITED: u64 = 1 << 60;
        let unified = self.unified.iter().map(|group| (group, "memory.max"));
        let memory = self.memory.iter();
        let memory = memory.map(|group| (group, "memory.limit_in_bytes"));
        let limits = unified.chain(memory);
        limits
            .filter_map(|(group, file)| number(group, file))
            .filter(|limit| *limit < UNLIMITED)
            .min()
    }
}

/// Returns the directories of the process's group and of the groups above it, up to the mount.
/// `controller` is empty for version 2.
fn directories(root: &Path, groups: &str, mounts: &str, controller: &str) -> Vec<PathBuf> {
    let Some((top, visible)) = mounts.lines().find_map(|line| mount(line, controller)) else {
        return Vec::new();
    };
    let top = root.join(top.trim_start_matches('/'));
    let own = groups.lines().find_map(|line| {
        // `4:memory:/group`, or `0::/group` for version 2.
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next()?;
        let path = parts.next()?;
        controllers
            .split(',')
            .any(|name| name == controller)
            .then_some(path)
    });
    // Without a namespace a container sees its group's path on the machine, but mounts only the
    // group itself.
    let below = own.and_then(|path| Path::new(path).strip_prefix(visible).ok());
    let below = below.unwrap_or(Path::new(""));
    let mut directories: Vec<PathBuf> = below.ancestors().map(|path| top.join(path)).collect();
    if directories.is_empty() {
        directories.push(top);
    }
    directories
}

/// Returns where a line of `mountinfo` mounts the controller, and the group that it shows there.
fn mount<'a>(line: &'a str, controller: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (group, directory) = (before.next()?, before.next()?);
    let mut after = after.split(' ');
    let (kind, options) = (after.next()?, after.nth(1).unwrap_or_default());
    let found = match controller {
        "" => kind == "cgroup2",
        controller => kind == "cgroup" && options.split(',').any(|option| option == controller),
    };
    found.then_some((directory, group))
}

/// Reads a file that holds one number. `None` if it does not exist, or holds the word `max`.
fn number(group: &Path, file: &str) -> Option<u64> {
    let text = fs::read_to_string(group.join(file)).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Writes files below a new directory.
    pub(crate) fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            fs::write(path, content).expect("a file");
        }
        root
    }

    /// A line of `mountinfo` for version 2.
    pub(crate) const UNIFIED: &str =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_smallest_limit_of_the_group_and_of_those_above_it_counts() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/pods/a/host\n"),
            ("proc/self/mountinfo", UNIFIED),
            ("sys/fs/cgroup/pods/a/host/memory.max", "max\n"),
            ("sys/fs/cgroup/pods/a/memory.max", "671088640\n"),
            ("sys/fs/cgroup/pods/memory.max", "8589934592\n"),
            // Another pod's.
            ("sys/fs/cgroup/pods/b/memory.max", "1\n"),
        ]);
        let cgroups = Cgroups::below(root.path());
        assert_eq!(cgroups.memory_limit(), Some(640 << 20));
        assert_eq!(cgroups.forbids_swap(), None);
    }

    #[test]
    fn swap_is_forbidden_by_the_group_or_by_one_above_it() {
        for (group, forbidden) in [("pods/a", true), ("pods", true), ("pods/b", false)] {
            let file = format!("sys/fs/cgroup/{group}/memory.swap.max");
            let root = machine(&[
                ("proc/self/cgroup", "0::/pods/a\n"),
                ("proc/self/mountinfo", UNIFIED),
                (&file, "0\n"),
            ]);
            let found = Cgroups::below(root.path()).forbids_swap().is_some();
            assert_eq!(found, forbidden, "{group}");
        }
    }

    #[test]
    fn a_container_finds_its_group_with_and_without_a_namespace() {
        let inside = ("sys/fs/cgroup/memory.max", "1073741824\n");
        let mounted = UNIFIED.replacen(" / ", " /kubepods/pod7 ", 1);
        for (group, mounts) in [
            ("0::/\n", UNIFIED),
            ("0::/kubepods/pod7\n", &*mounted),
            ("0::/elsewhere\n", &*mounted),
        ] {
            let root = machine(&[
                ("proc/self/cgroup", group),
                ("proc/self/mountinfo", mounts),
                inside,
            ]);
            let cgroups = Cgroups::below(root.path());
            assert_eq!(cgroups.memory_limit(), Some(1 << 30), "{group}{mounts}");
        }
    }

    #[test]
    fn version_1_limits_memory_but_cannot_forbid_swap() {
        let root = machine(&[
            ("proc/self/cgroup", "5:cpu,memory:/a\n0::/\n"),
            (
                "proc/self/mountinfo",
                "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            ),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n"),
            (
                "sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes",
                "1048576\n",
            ),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ]);
        let cgroups = Cgroups::below(root.path());
        assert_eq!(cgroups.memory_limit(), Some(1 << 20));
        assert_eq!(cgroups.forbids_swap(), None);
    }

    #[test]
    fn a_machine_without_groups_has_no_limit() {
        let cgroups = Cgroups::below(machine(&[]).path());
        assert_eq!(cgroups.memory_limit(), None);
        assert_eq!(cgroups.forbids_swap(), None);
    }
}
