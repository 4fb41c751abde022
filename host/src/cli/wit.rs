//! `task-host wit`: writes the WIT packages that logic uses. They are part of this program, so they fit the
//! host that will run the logic. With `--publish`, the platform's package goes to a registry instead, in the form
//! that `wkg` and other tools for WIT read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use wit_parser::{Resolve, WorldItem, WorldKey};

use super::process::block_on;
use crate::failure::Failure;
use crate::oci::{self, Artifact, Publication};
use crate::stdout::print;

/// Each file below a folder `deps`, and its text.
const FILES: [(&str, &str); 8] = [
    (
        "clocks/wall-clock.wit",
        include_str!("../../../wit/wasi/clocks/wall-clock.wit"),
    ),
    (
        "platform/events.wit",
        include_str!("../../../wit/platform/events.wit"),
    ),
    (
        "platform/log.wit",
        include_str!("../../../wit/platform/log.wit"),
    ),
    (
        "platform/service.wit",
        include_str!("../../../wit/platform/service.wit"),
    ),
    (
        "platform/sql.wit",
        include_str!("../../../wit/platform/sql.wit"),
    ),
    (
        "platform/types.wit",
        include_str!("../../../wit/platform/types.wit"),
    ),
    (
        "platform/world.wit",
        include_str!("../../../wit/platform/world.wit"),
    ),
    (
        "random/random.wit",
        include_str!("../../../wit/wasi/random/random.wit"),
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  task-host wit --out wit/deps
  task-host wit --publish oci://ghcr.io/acme/task-host/platform:1.0.0")]
pub(super) struct Args {
    /// The folder for the packages. It is created if it does not exist
    #[arg(long, value_name = "DIR", default_value = "wit/deps")]
    out: PathBuf,

    /// Replace files that differ
    #[arg(long)]
    force: bool,

    /// Publish the package task-host:platform to an OCI registry instead of writing files:
    /// oci://REGISTRY/REPOSITORY:VERSION. The tag must be the package's version
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["out", "force"])]
    publish: Option<Artifact>,

    #[command(flatten)]
    registry: oci::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if let Some(to) = &args.publish {
        return publish(to, &args.registry);
    }
    let written = write(&args.out, args.force)?;
    let out = args.out.display();
    let lines = match written.is_empty() {
        true => vec![format!("{out}: up to date")],
        false => written
            .iter()
            .map(|name| format!("{out}/{name}: written"))
            .collect(),
    };
    Ok(print(lines)?)
}

/// Publishes the platform's package, and prints its reference by digest.
fn publish(to: &Artifact, registry: &oci::Args) -> Result<(), Failure> {
    let package = platform()?;
    // Readers find a version of a package by the tag.
    if to.is_pinned() || to.tag() != Some(&package.version) {
        let reason = format!(
            "give the tag {}, which is the version of the package, and no digest",
            package.version
        );
        return Err(Failure::setting("--publish", reason));
    }
    let published = block_on(to.push(registry, package.publication))?.to_string();
    Ok(print([&published]).context(published)?)
}

/// The platform's package, ready to be published.
struct Package {
    version: String,
    publication: Publication,
}

/// Encodes the platform's package in its binary form, with its documentation.
fn platform() -> anyhow::Result<Package> {
    const FOLDER: &str = "platform/";
    // The file with the world declares the package, so it comes first.
    let files = FILES.iter().filter(|(name, _)| name.starts_with(FOLDER));
    let (world, others): (Vec<_>, Vec<_>) =
        files.partition(|(name, _)| name.ends_with("/world.wit"));
    let texts: Vec<&str> = world.iter().chain(&others).map(|(_, text)| *text).collect();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("platform.wit", &texts.join("\n"))?;
    let version = resolve.packages[package].name.version.clone();
    let world = resolve.select_world(&[package], None)?;
    let interfaces = |items: &wit_parser::IndexMap<WorldKey, WorldItem>| {
        items
            .keys()
            .map(|key| resolve.name_world_key(key))
            .collect()
    };
    let world = &resolve.worlds[world];
    let content = wit_component::encode(&resolve, package)?;
    Ok(Package {
        version: version.context("the package has no version")?.to_string(),
        publication: Publication::wit_package(
            content,
            interfaces(&world.exports),
            interfaces(&world.imports),
        ),
    })
}

/// Writes the packages below `folder` and returns the files that were not there in the same form.
///
/// # Errors
/// Unless `force` is true: a file exists with another text. Nothing was written. Or the system refuses a
/// file.
pub(super) fn write(folder: &Path, force: bool) -> anyhow::Result<Vec<&'static str>> {
    let (mut missing, mut differing) = (Vec::new(), Vec::new());
    for (name, text) in FILES {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(found) if found == text.as_bytes() => {}
            Ok(_) => differing.push((name, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                missing.push((name, text));
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
    }
    if !force && !differing.is_empty() {
        let names: Vec<_> = differing.iter().map(|(name, _)| *name).collect();
        bail!(
            "{} has other versions of {}; nothing was written. Replace them with --force",
            folder.display(),
            names.join(", ")
        );
    }
    missing.append(&mut differing);
    for (name, text) in &missing {
        let path = folder.join(name);
        let written = fs::create_dir_all(path.parent().unwrap_or(folder))
            .and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(missing.into_iter().map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_repositorys_packages_is_in_the_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let mut expected = Vec::new();
        for (package, folder) in [
            ("platform", "platform"),
            ("clocks", "wasi/clocks"),
            ("random", "wasi/random"),
        ] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name();
                expected.push(format!("{package}/{}", name.to_str().unwrap()));
            }
        }
        expected.sort();
        assert_eq!(FILES.map(|(name, _)| name).to_vec(), expected);
    }

    #[test]
    fn files_that_differ_are_replaced_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("wit/deps");
        assert_eq!(write(&out, false).unwrap().len(), FILES.len());
        assert!(write(&out, false).unwrap().is_empty());

        fs::write(out.join("platform/sql.wit"), "mine").unwrap();
        fs::remove_file(out.join("platform/log.wit")).unwrap();
        let refused = write(&out, false).unwrap_err().to_string();
        assert!(refused.contains("platform/sql.wit"), "{refused}");
        assert!(refused.contains("--force"), "{refused}");
        assert!(!out.join("platform/log.wit").exists());

        let written = write(&out, true).unwrap();
        assert_eq!(written, ["platform/log.wit", "platform/sql.wit"]);
        assert!(write(&out, false).unwrap().is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = format!("{:#}", write(&file, false).unwrap_err());
        assert!(error.contains("file/clocks/wall-clock.wit"), "{error}");
    }
}
