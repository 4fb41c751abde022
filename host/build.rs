//! Puts the SDKs' sources into the program: `task-host new` writes them into projects.
//!
//! `sdk.rs` in the output folder has a table for each language: each file's path below its SDK, and its text.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The SDKs: the table's name, and the folder below `sdk`.
const SDKS: [(&str, &str); 5] = [
    ("C", "c"),
    ("GO", "go"),
    ("PYTHON", "python"),
    ("RUST", "rust"),
    ("TYPESCRIPT", "typescript"),
];

/// What projects do not get: the SDK's own tests, and what tools make.
const LEFT_OUT: [&str; 6] = [
    "target",
    "test",
    "tests",
    "node_modules",
    "__pycache__",
    "dist",
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
    let mut tables = String::new();
    for (name, folder) in SDKS {
        let mut files = Vec::new();
        collect(&root.join(folder), "", &mut files);
        files.sort();
        let _ = writeln!(tables, "pub(super) const {name}: &[(&str, &str)] = &[");
        for (path, file) in files {
            let _ = writeln!(tables, "({path:?}, include_str!({file:?})),");
        }
        tables.push_str("];\n");
    }
    let out = env::var_os("OUT_DIR").expect("Cargo sets it for build scripts");
    fs::write(Path::new(&out).join("sdk.rs"), tables).expect("the output folder is writable");
}

/// Collects the files of a folder. Links are followed. What is hidden or made by a build is left out.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) {
    // Cargo runs this script again if a file is added or removed.
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry
            .expect("a folder that can be opened can be read")
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || LEFT_OUT.contains(&&*name) {
            continue;
        }
        let below = format!("{prefix}{name}");
        match path.is_dir() {
            true => collect(&path, &format!("{below}/"), files),
            false => files.push((below, path)),
        }
    }
}
