//! Builds component files from packages of the workspace: compile, encode, add the docs, write.
//!
//! The same sources give the same bytes on every machine, so that a digest identifies a version of the
//! logic and not the folder it was built in: the compiler replaces the machine's paths, and no time is
//! recorded.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result};
use encode::Wit;

use crate::step;
use crate::toolchain::{self, WASI_TARGET, WASM_TARGET};
use crate::workspace::Workspace;

/// A package of the workspace that becomes a file below `target/components`.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// The package's name.
    pub name: &'static str,
    /// The folder of its world's WIT and `deps`, relative to the root. `None` for a component without
    /// documentation.
    pub wit: Option<&'static str>,
    /// The Rust target. Rust's linker for [`WASI_TARGET`] makes a component by itself.
    pub target: &'static str,
    /// The Cargo profile that it is compiled with.
    pub profile: &'static str,
    /// The file below `target/components`.
    pub file: &'static str,
}

/// The task service.
pub const TASKS: Component = Component {
    name: "tasks",
    wit: Some("wit/tasks"),
    target: WASM_TARGET,
    profile: "component",
    file: "tasks.wasm",
};

/// The task service, compiled for a fast build and not for a fast run.
pub const TASKS_IN_WORK: Component = Component {
    profile: "component-dev",
    file: "dev/tasks.wasm",
    ..TASKS
};

/// The counter service of the host's tests.
pub const COUNTER: Component = Component {
    name: "counter",
    wit: Some("host/tests/components/counter/wit"),
    target: WASM_TARGET,
    profile: "component",
    file: "counter.wasm",
};

/// The counter service with the places in its source, for the tests of backtraces.
pub const COUNTER_WITH_DEBUG_INFO: Component = Component {
    profile: "component-dev",
    file: "counter-debug.wasm",
    ..COUNTER
};

/// The service of the host's tests whose schema changes under load.
pub const CONTACTS: Component = Component {
    name: "contacts",
    wit: Some("host/tests/components/contacts/wit"),
    target: WASM_TARGET,
    profile: "component",
    file: "contacts.wasm",
};

/// The example of the SDK, whose interface is made from its code. The SDK adds its documentation.
pub const BOOKMARKS: Component = Component {
    name: "bookmarks",
    wit: None,
    target: WASM_TARGET,
    profile: "component",
    file: "bookmarks.wasm",
};

/// The service of the host's tests that the SDK makes from code.
pub const GADGETS: Component = Component {
    name: "gadgets",
    wit: None,
    target: WASM_TARGET,
    profile: "component",
    file: "gadgets.wasm",
};

/// The service of the host's tests that uses and misuses all of WASI.
pub const WASI: Component = Component {
    name: "wasi-guest",
    wit: None,
    target: WASI_TARGET,
    profile: "component",
    file: "wasi.wasm",
};

/// The bookmarks service with Rust's standard library.
pub const BOOKMARKS_STD: Component = Component {
    name: "bookmarks-rust-wasip2",
    wit: Some("examples/bookmarks/wit"),
    target: WASI_TARGET,
    profile: "component",
    file: "bookmarks-rust-wasip2.wasm",
};

/// Builds every component of the workspace.
///
/// # Errors
/// If a component does not build: see [`build`]. The components after it are not built.
pub fn build_all(workspace: &Workspace) -> Result<()> {
    for component in [
        TASKS,
        COUNTER,
        COUNTER_WITH_DEBUG_INFO,
        CONTACTS,
        BOOKMARKS,
        GADGETS,
        WASI,
        BOOKMARKS_STD,
    ] {
        build(workspace, component)?;
    }
    Ok(())
}

/// Builds a component and returns its file. A file from an earlier build is replaced atomically: a host
/// that reads it sees either the old bytes or the new ones.
///
/// # Errors
/// If the package does not compile, or its exports do not match its world. An earlier file stays as it
/// was.
pub fn build(workspace: &Workspace, component: Component) -> Result<PathBuf> {
    toolchain::ensure_target(workspace, component.target)?;
    step::announce(&format!("Building the component {}…", component.name));
    let mut bytes = compile(workspace, component)?;
    if component.target == WASM_TARGET {
        bytes = encode::encode(&bytes)
            .with_context(|| format!("cannot make a component of {}", component.name))?;
    }
    if let Some(wit) = component.wit {
        encode::append_docs(&mut bytes, &Wit::read(&workspace.root.join(wit))?)?;
    }

    let path = workspace.components().join(component.file);
    replace(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    let size_kib = bytes.len().div_ceil(1024);
    step::note(&format!("{}  {size_kib} KiB", workspace.shown(&path)));
    Ok(path)
}

/// Compiles the package and returns the linker's output: a component, or the core module, in whose
/// custom section the bindings have put its component type.
fn compile(workspace: &Workspace, component: Component) -> Result<Vec<u8>> {
    let Component {
        name,
        target,
        profile,
        ..
    } = component;
    let flags = path_mappings(workspace, target)?;
    let mut command = workspace.cargo("build");
    command
        .args(["--package", name, "--target", target])
        .args(["--profile", profile, "--config", &flags])
        // Flags from the environment would replace the ones above and change the bytes.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    step::run(&mut command)?;

    let file = workspace
        .target
        .join(target)
        .join(profile)
        .join(name.replace('-', "_"))
        .with_extension("wasm");
    fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Returns Cargo configuration that keeps this machine's folders out of panic messages. Cargo merges it
/// with the settings of `.cargo/config.toml` for the target.
fn path_mappings(workspace: &Workspace, target: &str) -> Result<String> {
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
    Ok(format!("target.{target}.rustflags={flags}"))
}

/// Writes a temporary file in the same folder and renames it.
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
    fn a_file_is_replaced_and_no_temporary_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("components/tasks.wasm");
        replace(&path, b"first").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_replacement_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("tasks.wasm");
        fs::create_dir_all(occupied.join("by-a-folder")).unwrap();
        replace(&occupied, b"bytes").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn paths_of_this_machine_are_replaced() {
        let workspace = Workspace::locate().unwrap();
        let mappings = path_mappings(&workspace, WASM_TARGET).unwrap();
        let prefix = "target.wasm32-unknown-unknown.rustflags=[\"--remap-path-prefix=";
        assert!(mappings.starts_with(prefix), "{mappings}");
        assert!(mappings.contains(&format!("={}=.", workspace.root.display())));
        assert!(mappings.contains("=/cargo\""));
        assert!(mappings.ends_with("=/rust\"]"), "{mappings}");
    }
}
