//! Programs from the package registry. Their versions are pinned, and they are built once into the target
//! folder.

use std::path::PathBuf;

use xtask::step;
use xtask::workspace::Workspace;

/// Sends requests at a constant rate. It does not build without encryption.
const OHA: Tool = Tool {
    package: "oha",
    binary: "oha",
    version: "1.16.0",
    features: "rustls",
};

/// Serves `wasi:http` components, with the release that the host links. It does not build without async.
const WASMTIME: Tool = Tool {
    package: "wasmtime-cli",
    binary: "wasmtime",
    version: "48.0.8",
    features: "serve,run,cranelift,parallel-compilation,pooling-allocator,component-model-async",
};

struct Tool {
    package: &'static str,
    binary: &'static str,
    version: &'static str,
    features: &'static str,
}

/// The paths of the programs. `None` if one could not be installed.
#[derive(Default)]
pub struct Tools {
    /// Sends requests at a constant rate.
    pub oha: Option<PathBuf>,
    /// Serves `wasi:http` components.
    pub wasmtime: Option<PathBuf>,
}

impl Tools {
    /// Builds the missing programs with `cargo install`. If one does not build, it prints a note.
    pub fn prepare(workspace: &Workspace, wasmtime: bool) -> Self {
        Tools {
            oha: OHA.install(workspace),
            wasmtime: wasmtime.then(|| WASMTIME.install(workspace)).flatten(),
        }
    }
}

/// Returns the pinned versions, for the report.
pub fn versions() -> String {
    [OHA, WASMTIME]
        .map(|tool| format!("{} {}", tool.package, tool.version))
        .join(", ")
}

impl Tool {
    fn install(&self, workspace: &Workspace) -> Option<PathBuf> {
        let Tool {
            package,
            binary,
            version,
            features,
        } = self;
        let root = workspace.target.join("bench/tools");
        let root = root.join(format!("{package}-{version}"));
        let path = root.join("bin").join(binary);
        if path.is_file() {
            return Some(path);
        }
        step::announce(&format!(
            "Building {package} {version}, which takes minutes…"
        ));
        let mut command = workspace.cargo("install");
        command
            .args([package, "--locked", "--version"])
            .arg(format!("={version}"))
            .args(["--no-default-features", "--features", features])
            .arg("--root")
            .arg(&root)
            .arg("--target-dir")
            .arg(root.join("build"))
            // As in the profile `dist`.
            .env("CARGO_PROFILE_RELEASE_LTO", "fat")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
        match step::run(&mut command) {
            Ok(()) => Some(path),
            Err(error) => {
                step::note(&format!("without {package}: {error:#}"));
                None
            }
        }
    }
}
