//! What confines the host of one attack, as a pod would: a control group with the memory limit of the
//! manifest, and few file descriptors. Also what the host and its compiler use of the memory.
//!
//! Making a control group needs rights that a developer may not have. Without one, a watcher reads the
//! memory from `/proc` and kills a host that takes 3 GiB.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// Descriptors that the host may open: few at first, and more if it asks for them.
const DESCRIPTORS: [u32; 2] = [1024, 4096];

/// How long the processes of a killed host may take to leave their control group.
const EMPTY: Duration = Duration::from_secs(2);

/// The surroundings of one host.
pub struct Pod {
    group: Option<Group>,
    script: TempDir,
}

impl Pod {
    /// Makes the surroundings of a host. With a limit, they include a control group.
    ///
    /// # Errors
    /// If the control group or the script cannot be made.
    pub fn make(binary: &Path, limit_bytes: Option<u64>) -> Result<Self> {
        let group = limit_bytes.map(Group::make).transpose()?;
        let [soft, hard] = DESCRIPTORS;
        let enter = group.as_ref().map_or_else(String::new, |group| {
            format!("echo $$ > '{}/cgroup.procs'\n", group.folder.display())
        });
        let text = format!(
            "#!/bin/sh\nulimit -S -n {soft}\nulimit -H -n {hard}\n{enter}exec '{}' \"$@\"\n",
            binary.display()
        );
        let script = tempfile::tempdir()?;
        let pod = Self { group, script };
        fs::write(pod.binary(), text)?;
        fs::set_permissions(pod.binary(), fs::Permissions::from_mode(0o755))?;
        Ok(pod)
    }

    /// Returns the program that becomes the host within these surroundings.
    pub fn binary(&self) -> PathBuf {
        self.script.path().join("task-host")
    }

    /// Returns how many processes the kernel has killed because the memory was used up.
    pub fn killed(&self) -> u64 {
        self.group.as_ref().map_or(0, Group::killed)
    }
}

/// A control group of Linux for memory, version 1 or 2.
struct Group {
    folder: PathBuf,
}

impl Group {
    fn make(limit_bytes: u64) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("task-host-attack-{}-{number}", process::id());
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let mut parents = Vec::new();
        for line in own.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
            let root = match controllers {
                "memory" => "/sys/fs/cgroup/memory",
                "" => "/sys/fs/cgroup",
                _ => continue,
            };
            parents.extend([format!("{root}{path}"), root.to_owned()]);
        }
        for parent in parents {
            let group = Self {
                folder: Path::new(&parent).join(&name),
            };
            // In a folder without the controller, the file is missing.
            if fs::create_dir(&group.folder).is_ok() && group.limit(limit_bytes).is_ok() {
                return Ok(group);
            }
        }
        anyhow::bail!("this user cannot make a control group for memory")
    }

    fn limit(&self, bytes: u64) -> Result<()> {
        let bytes = bytes.to_string();
        let file = |name: &str| self.folder.join(name);
        let names = ["memory.max", "memory.limit_in_bytes"];
        let known = names.iter().find(|name| file(name).exists());
        ensure!(known.is_some(), "no controller for memory");
        fs::write(file(known.context("a limit")?), &bytes)?;
        // Not every kernel counts swap.
        let _ = fs::write(file("memory.swap.max"), "0");
        let _ = fs::write(file("memory.memsw.limit_in_bytes"), &bytes);
        // As an entry of its own, because a group that nobody may enter is of no use.
        fs::OpenOptions::new()
            .write(true)
            .open(file("cgroup.procs"))?;
        Ok(())
    }

    fn killed(&self) -> u64 {
        ["memory.events", "memory.oom_control"]
            .iter()
            .filter_map(|name| fs::read_to_string(self.folder.join(name)).ok())
            .find_map(|text| value(&text, "oom_kill"))
            .unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        testkit::until(EMPTY, || fs::remove_dir(&self.folder).ok());
    }
}

/// Returns whether this user can make a control group.
pub fn can_confine() -> bool {
    Group::make(1 << 30).is_ok()
}

/// Returns the memory of a process and of its descendants that the kernel cannot take back: anonymous and
/// shared pages. These decide whether a pod is killed. Pages of files, such as of the program, are not
/// among them.
pub fn memory_bytes(process: u32) -> u64 {
    let own = fs::read_to_string(format!("/proc/{process}/status")).map_or(0, |status| {
        ["RssAnon:", "RssShmem:", "VmSwap:"]
            .iter()
            .filter_map(|name| value(&status, name))
            .sum::<u64>()
            * 1024
    });
    own + children(process).into_iter().map(memory_bytes).sum::<u64>()
}

fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten();
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// The number after a name at the beginning of a line.
fn value(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_counts_with_its_children() {
        let own = memory_bytes(process::id());
        assert!(own > 0);
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = children(process::id()).contains(&child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }

    #[test]
    fn a_value_stands_after_its_name() {
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(value(text, "oom_kill"), Some(3));
        assert_eq!(value(text, "oom"), None);
    }
}
