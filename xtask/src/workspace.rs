//! The folders of the workspace, and the cargo that builds it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::step;

/// The workspace's folders, all absolute.
#[derive(Debug, Deserialize)]
pub struct Workspace {
    /// The repository's root.
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    /// The folder that cargo builds into: `target`, unless cargo is configured otherwise.
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
}

impl Workspace {
    /// Reads the folders from `cargo metadata`, which respects `CARGO_TARGET_DIR` and cargo's
    /// configuration. The commands therefore work from any folder of the repository.
    ///
    /// # Errors
    /// If `cargo metadata` fails.
    pub fn locate() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let metadata = step::read(
            Command::new(cargo_path())
                .args(["metadata", "--no-deps", "--format-version=1"])
                .arg("--manifest-path")
                .arg(manifest),
        )?;
        serde_json::from_str(&metadata).context("cannot read `cargo metadata`")
    }

    /// Returns a cargo command that runs at the root.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(cargo_path());
        command.arg(subcommand).current_dir(&self.root);
        // Cargo sets these for the program that it runs, here xtask or the benchmark. Some build
        // scripts watch them (ring's does), so passing them on would compile everything above such
        // a crate again whenever another program starts a build.
        for (name, _) in env::vars_os() {
            if names_a_package(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Builds a program of the workspace unoptimised, and returns a command that runs it.
    ///
    /// Its dependencies have the features that the workspace's tests have, so that those that the tests' build has
    /// compiled are not compiled again. That is what `--examples` is for: there are none, but Cargo then counts the
    /// features of development dependencies. `cargo run --package` would choose other features.
    ///
    /// # Errors
    /// If it does not build.
    pub fn program(&self, name: &str) -> Result<Command> {
        let mut build = self.cargo("build");
        step::run(build.args(["--workspace", "--examples", "--bin", name]))?;
        Ok(Command::new(self.target.join("debug").join(name)))
    }

    /// Returns the folder of the built components.
    pub fn components(&self) -> PathBuf {
        self.target.join("components")
    }

    /// Returns the path of the host's binary in a profile's folder, `debug` or `release`.
    pub fn host_binary(&self, folder: &str) -> PathBuf {
        self.target.join(folder).join("task-host")
    }

    /// Returns a path for messages: relative to the root if it is below the root.
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Returns whether a variable tells a program which package it belongs to.
fn names_a_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

/// Returns the path of the cargo that runs this program, which belongs to the repository's toolchain.
fn cargo_path() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_contains_this_package() {
        let workspace = Workspace::locate().unwrap();
        assert!(workspace.root.join("xtask/src/workspace.rs").is_file());
        assert_eq!(workspace.components(), workspace.target.join("components"));
    }

    #[test]
    fn a_build_does_not_depend_on_the_package_that_starts_it() {
        let workspace = Workspace::locate().unwrap();
        let command = workspace.cargo("build");
        let removed = |name: &str| {
            command
                .get_envs()
                .any(|entry| entry == (name.as_ref(), None))
        };
        assert!(removed("CARGO_PKG_NAME"));
        assert!(removed("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn paths_below_the_root_are_shown_without_it() {
        let workspace = Workspace {
            root: "/repository".into(),
            target: "/elsewhere".into(),
        };
        let below = workspace.root.join("target/components/tasks.wasm");
        assert_eq!(
            workspace.shown(&below).to_string(),
            "target/components/tasks.wasm"
        );
        let outside = workspace.host_binary("release");
        assert_eq!(
            workspace.shown(&outside).to_string(),
            "/elsewhere/release/task-host"
        );
    }
}
