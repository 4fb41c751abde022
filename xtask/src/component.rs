//! From a package of the workspace to a component file: compile, encode, document, write.
//!
//! The same sources give the same bytes on every machine, so that a digest names a version of
//! the logic and not the folder it was built in: paths are mapped away, no time is recorded.

mod docs;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result, anyhow};
use wit_component::ComponentEncoder;

use crate::step;
use crate::toolchain::{self, WASM_TARGET};
use crate::workspace::Workspace;

/// A package of the workspace that becomes a file below `target/components`.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// The package's name, and the file's.
    pub name: &'static str,
    /// The folder of its world's WIT, from the root, with its `deps`; none: nobody reads its
    /// documentation.
    pub wit: Option<&'static str>,
    /// The profile of the workspace's manifest that it is compiled with.
    pub profile: &'static str,
    /// What it is written to, below `target/components`.
    pub file: &'static str,
}

/// The task management service.
pub const TASKS: Component = Component {
    name: "tasks",
    wit: Some("wit/tasks"),
    profile: "component",
    file: "tasks.wasm",
};

/// The toy service that the host's tests run beside it.
pub const COUNTER: Component = Component {
    name: "counter",
    wit: Some("host/tests/components/counter/wit"),
    profile: "component",
    file: "counter.wasm",
};

/// The service whose schema changes under load in the host's tests.
pub const CONTACTS: Component = Component {
    name: "contacts",
    wit: Some("host/tests/components/contacts/wit"),
    profile: "component",
    file: "contacts.wasm",
};

/// Builds every component of the workspace.
///
/// # Errors
/// As [`build`], at the first that fails.
pub fn build_all(workspace: &Workspace) -> Result<()> {
    for component in [TASKS, COUNTER, CONTACTS] {
        build(workspace, component)?;
    }
    Ok(())
}

/// Builds a component and returns its file. A file from an earlier build is replaced at once
/// and whole: a host that reads it sees the old bytes or the new ones.
///
/// # Errors
/// Where the package does not compile, or what it exports does not fit its world. An earlier
/// file stays as it was.
pub fn build(workspace: &Workspace, component: Component) -> Result<PathBuf> {
    toolchain::ensure_wasm_target(workspace)?;
    step::announce(&format!("Building the component {}…", component.name));
    let module = compile(workspace, component)?;
    let mut bytes = encode(&module)
        .with_context(|| format!("cannot make a component of {}", component.name))?;
    if let Some(wit) = component.wit {
        docs::append(&mut bytes, &workspace.root.join(wit))?;
    }

    let path = workspace.components().join(component.file);
    replace(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    let size_kib = bytes.len().div_ceil(1024);
    step::note(&format!("{}  {size_kib} KiB", workspace.shown(&path)));
    Ok(path)
}

/// Compiles the package and returns the core module, which carries its component type in a
/// custom section that the bindings put there.
fn compile(workspace: &Workspace, component: Component) -> Result<Vec<u8>> {
    let Component { name, profile, .. } = component;
    let flags = path_mappings(workspace)?;
    let mut command = workspace.cargo("build");
    command
        .args(["--package", name, "--target", WASM_TARGET])
        .args(["--profile", profile, "--config", &flags])
        // Flags meant for the host would replace the ones above, and change the bytes.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    step::run(&mut command)?;

    let file = workspace
        .target
        .join(WASM_TARGET)
        .join(profile)
        .join(name.replace('-', "_"))
        .with_extension("wasm");
    fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Cargo configuration that keeps this machine's folders out of panic messages. It is joined
/// with what `.cargo/config.toml` says for the target.
fn path_mappings(workspace: &Workspace) -> Result<String> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .context("neither CARGO_HOME nor the home directory is known")?;
    let sysroot = toolchain::sysroot(workspace)?;
    let flags = [
        (workspace.root.as_path(), "."),
        (cargo_home.as_path(), "/cargo"),
        (sysroot.as_path(), "/rust"),
    ]
    .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    // A JSON array of strings is a TOML array of strings.
    let flags = serde_json::to_string(&flags)?;
    Ok(format!("target.{WASM_TARGET}.rustflags={flags}"))
}

fn encode(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| anyhow!("{error:?}"))
}

/// Writes a file by renaming a temporary one beside it.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension(format!("{}.tmp", process::id()));
    fs::write(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("components/tasks.wasm");
        replace(&path, b"first").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_leaves_no_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("tasks.wasm");
        fs::create_dir_all(occupied.join("by-a-folder")).unwrap();
        replace(&occupied, b"bytes").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        encode(b"\x7fELF").unwrap_err();
    }

    #[test]
    fn this_machines_folders_are_mapped_away() {
        let workspace = Workspace::locate().unwrap();
        let mappings = path_mappings(&workspace).unwrap();
        let prefix = "target.wasm32-unknown-unknown.rustflags=[\"--remap-path-prefix=";
        assert!(mappings.starts_with(prefix), "{mappings}");
        assert!(mappings.contains(&format!("={}=.", workspace.root.display())));
        assert!(mappings.contains("=/cargo\""));
        assert!(mappings.ends_with("=/rust\"]"), "{mappings}");
    }
}
