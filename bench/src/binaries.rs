//! The binaries that are measured: built, or taken from a folder.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;

/// The folder of the packages' binaries: the one that was given, or that of the profile, built.
pub fn folder(workspace: &Workspace, arguments: &Arguments, packages: &[&str]) -> Result<PathBuf> {
    let Some(folder) = &arguments.binaries else {
        return build(workspace, &arguments.profile, packages);
    };
    for package in packages {
        let binary = folder.join(package);
        ensure!(binary.is_file(), "{} is no binary", binary.display());
    }
    // Servers have working folders of their own.
    let folder = folder.canonicalize();
    folder.context("the folder of the binaries")
}

pub fn build(workspace: &Workspace, profile: &str, packages: &[&str]) -> Result<PathBuf> {
    step::announce("Building what is measured (the first time takes ten minutes or more)…");
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    step::run(
        workspace
            .cargo("build")
            .args(["--profile", profile])
            .args(packages),
    )?;
    // The one profile whose folder has another name.
    Ok(workspace
        .target
        .join(if profile == "dev" { "debug" } else { profile }))
}
