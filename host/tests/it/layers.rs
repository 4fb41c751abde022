//! The direction of dependencies, read from the sources: each layer names only those below it,
//! and a library stays in the layer that is there for it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up. Those in one line do not know each other.
const LAYERS: [&[&str]; 7] = [
    &["contract", "telemetry"],
    &["storage"],
    &["metrics", "runtime", "transcode"],
    &["request"],
    &["deployment"],
    &["server"],
    &["cli"],
];

/// Words of the code, and the places under `src` where they may stand.
const KEPT: [(&str, &[&str]); 12] = [
    ("wasmtime", &["runtime", "transcode"]),
    ("axum", &["server"]),
    ("hyper", &["server"]),
    ("tower_http", &["server"]),
    ("rusqlite", &["storage"]),
    ("tokio_postgres", &["storage"]),
    ("opentelemetry", &["telemetry"]),
    ("tracing_opentelemetry", &["telemetry"]),
    ("process::exit", &["main.rs"]),
    ("process::abort", &["main.rs"]),
    ("env::var", &[]),
    ("env::vars", &[]),
];

/// Every source file: its path under `src`, and its code without comments.
fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("the sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let name = path.strip_prefix(&root).expect("under the root");
        (name.display().to_string(), code.join("\n"))
    };
    files.into_iter().map(read).collect()
}

/// The layer of a file: its folder, or the file beside it.
fn layer(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Whether the code names that, as words of their own.
fn names(code: &str, words: &str) -> bool {
    let part_of_a_word =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    code.match_indices(words).any(|(at, _)| {
        let before = at
            .checked_sub(1)
            .and_then(|before| code.as_bytes().get(before));
        !part_of_a_word(before) && !part_of_a_word(code.as_bytes().get(at + words.len()))
    })
}

#[test]
fn each_layer_names_only_those_below_it() {
    let sources = sources();
    assert!(sources.len() > 50, "the sources are there");
    for (file, code) in &sources {
        let own = layer(file);
        let Some(rank) = LAYERS.iter().position(|layers| layers.contains(&own)) else {
            assert!(["lib", "main"].contains(&own), "{file} is in no layer");
            continue;
        };
        let above = LAYERS[rank..].iter().copied().flatten();
        for other in above.filter(|other| **other != own) {
            let named = names(code, &format!("crate::{other}"));
            assert!(
                !named,
                "{file} names the layer {other}, which is not below it"
            );
        }
    }
}

#[test]
fn each_library_stays_in_its_layer() {
    for (file, code) in sources() {
        for (words, places) in KEPT {
            let allowed = places
                .iter()
                .any(|place| *place == file || *place == layer(&file));
            assert!(allowed || !names(&code, words), "{file} names {words}");
        }
    }
}

#[test]
fn files_are_short_enough_to_be_read_and_say_first_what_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (file, _) in sources() {
        let text = fs::read_to_string(root.join(&file)).expect("a source file");
        assert!(text.lines().count() <= 400, "{file} is too long");
        assert!(text.starts_with("//!"), "{file} does not say what it is");
        assert!(!file.ends_with("mod.rs"), "{file}");
    }
}

#[test]
fn a_name_is_found_as_a_word_of_its_own() {
    assert!(names("use crate::server::App;", "crate::server"));
    assert!(!names("use crate::serverless;", "crate::server"));
    assert!(!names("use my_axum::Router;", "axum"));
}
