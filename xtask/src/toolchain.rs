//! The compiler's folder, and the WebAssembly target in it.
//!
//! `rust-toolchain.toml` names the target, so that rustup installs it with the toolchain. It is still
//! missing if rustup is configured not to install anything by itself (`RUSTUP_AUTO_INSTALL=0`), or if
//! another toolchain is chosen; then rustup is asked for it. A toolchain from a distribution's packages
//! has no rustup, so the target is looked for in the compiler's folder.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::step;
use crate::workspace::Workspace;

/// What the logic is compiled for: WebAssembly without any system interface.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// WebAssembly with WASI 0.2, which the standard library uses. The tests have logic for it, too.
pub const WASI_TARGET: &str = "wasm32-wasip2";

/// Makes sure that a WebAssembly target is installed. If it is missing, rustup installs it.
///
/// # Errors
/// If it is missing and cannot be installed. The text says what was tried and what a person can do.
pub fn ensure_target(workspace: &Workspace, target: &str) -> Result<()> {
    let sysroot = sysroot(workspace)?;
    if has_target(&sysroot, target) {
        return Ok(());
    }
    step::announce(&format!("Installing the Rust target {target}…"));
    let installed = step::run(
        Command::new("rustup")
            .args(["target", "add", target])
            .current_dir(&workspace.root),
    );
    match installed {
        Ok(()) if has_target(&sysroot, target) => Ok(()),
        Ok(()) => bail!(advice(
            target,
            &sysroot,
            "rustup installed it for another toolchain than the active one"
        )),
        Err(error) => bail!(advice(target, &sysroot, &format!("{error:#}"))),
    }
}

/// Returns the folder of the active compiler.
///
/// # Errors
/// If there is no compiler.
pub fn sysroot(workspace: &Workspace) -> Result<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let printed = step::read(
        Command::new(rustc)
            .args(["--print", "sysroot"])
            .current_dir(&workspace.root),
    )
    .context("there is no Rust compiler: install Rust as https://rustup.rs says")?;
    Ok(PathBuf::from(printed))
}

/// Whether a toolchain has the target's core library. The folder alone proves nothing: an interrupted
/// installation leaves it empty.
fn has_target(sysroot: &Path, target: &str) -> bool {
    let libraries = sysroot.join("lib/rustlib").join(target).join("lib");
    fs::read_dir(libraries).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

fn advice(target: &str, sysroot: &Path, reason: &str) -> String {
    format!(
        "the Rust target {target} is missing and could not be installed

  looked in: {}
  rustup:    {reason}

It is needed to compile logic. One of these commands installs it:

  with rustup (https://rustup.rs)   rustup target add {target}
  Debian, Ubuntu                    apt install libstd-rust-dev-wasm32
  Fedora                            dnf install rust-std-static-{target}
  Arch                              pacman -S rust-wasm

A distribution's package fits only the compiler of the same distribution and version.",
        sysroot.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysroot_with(files: &[&str]) -> tempfile::TempDir {
        let sysroot = tempfile::tempdir().unwrap();
        for file in files {
            let path = sysroot.path().join("lib/rustlib").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        sysroot
    }

    #[test]
    fn a_toolchain_with_the_core_library_has_the_target() {
        let sysroot = sysroot_with(&["wasm32-unknown-unknown/lib/libcore-0a1b.rlib"]);
        assert!(has_target(sysroot.path(), WASM_TARGET));
    }

    #[test]
    fn a_toolchain_with_other_targets_only_does_not() {
        let sysroot = sysroot_with(&["x86_64-unknown-linux-gnu/lib/libcore-0a1b.rlib"]);
        assert!(!has_target(sysroot.path(), WASM_TARGET));
    }

    #[test]
    fn an_interrupted_installation_does_not_count() {
        let sysroot = sysroot_with(&["wasm32-unknown-unknown/lib/self-contained/crt1.o"]);
        assert!(!has_target(sysroot.path(), WASM_TARGET));
    }

    #[test]
    fn the_advice_names_the_command_and_what_failed() {
        let text = advice(WASM_TARGET, Path::new("/usr"), "cannot start `rustup`");
        assert!(text.contains("rustup target add wasm32-unknown-unknown"));
        assert!(text.contains("apt install libstd-rust-dev-wasm32"));
        assert!(text.contains("looked in: /usr"));
        assert!(text.contains("cannot start `rustup`"));
    }
}
