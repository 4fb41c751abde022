//! `task-host new`: makes a project that builds: a service with a page, migrations and tests.
//!
//! The files are in `new/`, with `__NAME__` for the project's name and `__SNAKE__` for the name as languages
//! without hyphens write it. Files that tools of this repository would take for its own have another name
//! there.

mod typescript;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use super::wit;
use crate::failure::Failure;
use crate::stdout::print;

/// Maximum length of a name, in bytes.
const MAX_NAME: usize = 60;

/// Words that WIT, a language or its tools have for themselves.
const RESERVED: [&str; 75] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "bool",
    "box",
    "break",
    "build",
    "char",
    "const",
    "constructor",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "export",
    "extern",
    "false",
    "final",
    "flags",
    "fn",
    "for",
    "from",
    "func",
    "future",
    "gen",
    "if",
    "impl",
    "import",
    "in",
    "include",
    "interface",
    "let",
    "list",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "option",
    "override",
    "package",
    "priv",
    "proc-macro",
    "pub",
    "record",
    "ref",
    "resource",
    "result",
    "return",
    "self",
    "static",
    "std",
    "stream",
    "string",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "tuple",
    "type",
    "use",
    "variant",
    "wasi",
    "where",
    "while",
    "with",
];

/// A file of a project: its path and its text.
type File = (&'static str, &'static str);

/// The files that every language has.
const SHARED: [File; 8] = [
    (
        "migrations/0001-notes.postgres.sql",
        include_str!("new/shared/0001-notes.postgres.sql"),
    ),
    (
        "migrations/0001-notes.sqlite.sql",
        include_str!("new/shared/0001-notes.sqlite.sql"),
    ),
    ("requests/notes.hurl", include_str!("new/shared/notes.hurl")),
    ("seed.sql", include_str!("new/shared/seed.sql")),
    ("web/index.html", include_str!("new/shared/index.html")),
    ("web/notes.js", include_str!("new/shared/notes.js")),
    ("web/style.css", include_str!("new/shared/style.css")),
    ("wit/service.wit", include_str!("new/shared/service.wit")),
];

const RUST: [File; 12] = [
    (
        ".cargo/config.toml",
        include_str!("new/rust/config.toml.template"),
    ),
    (
        ".github/workflows/test.yml",
        include_str!("new/rust/ci.yml.template"),
    ),
    (".gitignore", include_str!("new/rust/gitignore")),
    ("Cargo.toml", include_str!("new/rust/Cargo.toml.template")),
    ("README.md", include_str!("new/rust/README.template")),
    (
        "rust-toolchain.toml",
        include_str!("new/rust/rust-toolchain.toml.template"),
    ),
    ("src/bindings.rs", include_str!("new/rust/src/bindings.rs")),
    ("src/database.rs", include_str!("new/rust/src/database.rs")),
    ("src/lib.rs", include_str!("new/rust/src/lib.rs")),
    ("src/notes.rs", include_str!("new/rust/src/notes.rs")),
    ("src/service.rs", include_str!("new/rust/src/service.rs")),
    (
        "task-host.toml",
        include_str!("new/rust/task-host.toml.template"),
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  task-host new notes --lang rust
  cd notes
  task-host dev")]
pub(super) struct Args {
    /// The project's name and folder, such as `notes` or `price-list`
    #[arg(value_parser = name)]
    name: String,

    /// The language
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

/// A language with a template.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    /// Needs rustup
    Rust,
    /// Needs Node.js 20.19 or newer with npm
    #[value(name = "typescript")]
    TypeScript,
}

impl Language {
    /// Returns the files of a project.
    fn files(self) -> Vec<File> {
        match self {
            Language::Rust => [&SHARED[..], &RUST].concat(),
            // The WIT is made from the code.
            Language::TypeScript => {
                let shared = SHARED.iter().filter(|(path, _)| !path.starts_with("wit/"));
                shared
                    .chain(&typescript::TEMPLATE)
                    .chain(typescript::SDK)
                    .copied()
                    .collect()
            }
        }
    }

    /// Returns the folder for the WIT of the host.
    fn wit(self) -> &'static str {
        match self {
            Language::Rust => "wit/deps",
            Language::TypeScript => "sdk/wit",
        }
    }
}

/// Checks a name: it becomes a folder, the WIT package `NAME:api` and the name of a package of the language.
fn name(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.len() > MAX_NAME || !text.split('-').all(is_word) {
        return Err(format!(
            "a name has lower-case letters, digits and hyphens, at most {MAX_NAME}; each word begins \
             with a letter, such as price-list"
        ));
    }
    if RESERVED.contains(&text) {
        return Err(
            "languages and tools have this word for themselves; add another word".to_owned(),
        );
    }
    Ok(text.to_owned())
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let folder = PathBuf::from(&args.name);
    create(&folder, &args.name, args.lang)?;
    let name = &args.name;
    Ok(print([
        format!(
            "created {name}: a service of notes, with a page and tests. README.md says what is where"
        ),
        format!("next: cd {name} && task-host dev"),
    ])?)
}

/// Creates the project's folder. It appears as a whole or not at all.
fn create(folder: &Path, name: &str, language: Language) -> anyhow::Result<()> {
    // A link that leads nowhere exists, too.
    if folder.symlink_metadata().is_ok() {
        bail!(
            "{} exists; choose another name, or remove it",
            folder.display()
        );
    }
    let cannot = || format!("cannot create {}", folder.display());
    let above = folder
        .parent()
        .filter(|above| !above.as_os_str().is_empty());
    let partial = tempfile::Builder::new()
        .prefix(".task-host-new-")
        .tempdir_in(above.unwrap_or(Path::new(".")))
        .with_context(cannot)?;
    let root = partial.path().join("project");
    for (path, text) in language.files() {
        let path = root.join(path);
        let text = text
            .replace("__NAME__", name)
            .replace("__SNAKE__", &name.replace('-', "_"));
        fs::create_dir_all(path.parent().unwrap_or(&root)).with_context(cannot)?;
        fs::write(&path, text).with_context(cannot)?;
    }
    wit::write(&root.join(language.wit()), false)?;
    fs::rename(&root, folder).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_fits_wit_and_every_language() {
        for good in ["notes", "price-list", "a1-b2"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        let long = "a".repeat(MAX_NAME + 1);
        for bad in [
            "", "Notes", "1st", "a--b", "-a", "a-", "a_b", "../a", "a/b", ".", "é", "a-1", "a b",
            &long,
        ] {
            let reason = name(bad).unwrap_err();
            assert!(reason.contains("such as price-list"), "{bad}: {reason}");
        }
        for word in ["match", "interface", "test", "std", "list", "wasi"] {
            assert!(
                name(word).unwrap_err().contains("add another word"),
                "{word}"
            );
        }
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn a_folder_that_exists_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("notes");
        fs::create_dir(&project).unwrap();
        let refused = create(&project, "notes", Language::Rust).unwrap_err();
        assert!(refused.to_string().contains("notes exists"), "{refused}");
        assert_eq!(fs::read_dir(&project).unwrap().count(), 0);

        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        create(&link, "link", Language::Rust).unwrap_err();
        let left: BTreeSet<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, BTreeSet::from(["link".into(), "notes".into()]));
    }

    #[test]
    fn every_file_of_a_template_is_part_of_it_and_has_the_name() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/new");
        for (folder, files) in [
            ("shared", &SHARED[..]),
            ("rust", &RUST[..]),
            ("typescript", &typescript::TEMPLATE[..]),
        ] {
            let mut count = 0;
            let mut folders = vec![source.join(folder)];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    match path.is_dir() {
                        true => folders.push(path),
                        false => count += 1,
                    }
                }
            }
            assert_eq!(files.len(), count, "{folder}");
        }

        for (language, output, wit) in [
            (Language::Rust, "/price_list.wasm", "wit/deps"),
            (Language::TypeScript, "dist/price-list.wasm", "sdk/wit"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let project = folder.path().join("price-list");
            create(&project, "price-list", language).unwrap();
            for (path, _) in language.files() {
                let text = fs::read_to_string(project.join(path)).unwrap();
                assert!(
                    !text.contains("__NAME__") && !text.contains("__SNAKE__"),
                    "{path}"
                );
            }
            let settings = fs::read_to_string(project.join("task-host.toml")).unwrap();
            assert!(settings.contains(output), "{settings}");
            assert!(project.join(wit).join("platform/world.wit").exists());
        }
    }
}
