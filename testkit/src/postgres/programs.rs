//! Where PostgreSQL is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What to tell a person if [`Programs::find`] returns `None`.
pub const MISSING: &str = "PostgreSQL 15 or newer is missing (Debian: apt install postgresql)";

/// The programs that a server needs.
const NEEDED: [&str; 3] = ["initdb", "postgres", "psql"];
/// The oldest release that the host supports.
const OLDEST: u32 = 15;

/// The directory of PostgreSQL's programs.
#[derive(Debug, Clone)]
pub struct Programs(PathBuf);

impl Programs {
    /// Finds the programs in `PATH` or where Debian installs them. `None` if they are missing or older
    /// than the host supports.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let debian = debian.flatten().map(|entry| entry.path().join("bin"));
        std::env::split_paths(&path)
            .chain(debian)
            .filter(|directory| NEEDED.iter().all(|name| directory.join(name).is_file()))
            .find(|directory| version(directory).is_some_and(|version| version >= OLDEST))
            .map(Self)
    }

    /// Returns the path of a program.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns a command that runs a program.
    pub(super) fn command(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }
}

/// Reads the major version from `postgres (PostgreSQL) 15.14 (Debian …)`.
fn version(directory: &Path) -> Option<u32> {
    let output = Command::new(directory.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().nth(2)?;
    number.split('.').next()?.parse().ok()
}
