//! The binaries that are measured: built, or taken from a folder.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;

/// Returns the folder of the packages' binaries: the given folder, or the one of the profile after a
/// build.
///
/// # Errors
/// If a package does not build, or the given folder lacks one of the binaries.
pub fn folder(workspace: &Workspace, arguments: &Arguments, packages: &[&str]) -> Result<PathBuf> {
    let Some(folder) = &arguments.binaries else {
        return build(workspace, &arguments.profile, packages);
    };
    for package in packages {
        let binary = folder.join(package);
        ensure!(binary.is_file(), "{} is not a file", binary.display());
    }
    // Absolute, because servers have working folders of their own.
    let folder = folder.canonicalize();
    folder.context("the folder of the binaries")
}

/// Builds the packages, and returns the folder of their binaries.
///
/// # Errors
/// If a package does not build.
pub fn build(workspace: &Workspace, profile: &str, packages: &[&str]) -> Result<PathBuf> {
    step::announce("Building the servers (the first time takes ten minutes or more)…");
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    step::run(
        workspace
            .cargo("build")
            .args(["--profile", profile])
            .args(packages),
    )?;
    // The folder of the profile `dev` has another name.
    Ok(workspace
        .target
        .join(if profile == "dev" { "debug" } else { profile }))
}
