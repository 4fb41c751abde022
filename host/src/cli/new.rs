//! `task-host new`: makes a project that builds: a service with a page, migrations and tests.
//!
//! A project also gets the sources of its SDK, which are part of this program. So it builds without a registry that has
//! the SDK, and stays as it is when the program is updated.
//!
//! The files are in `new/`, with `__NAME__` for the project's name and `__SNAKE__` for the name as languages
//! without hyphens write it. Files that tools of this repository would take for its own have another name
//! there.

mod python;
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

/// What follows this line in a manifest of an SDK is not for projects.
const REPOSITORY_ONLY: &str = "\n# Only in this repository.\n";

/// A file of a project: its path and its text.
type File = (&'static str, &'static str);

/// The files that every language has.
const SHARED: [File; 7] = [
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
];

/// The SDKs' sources: paths below the SDK, and texts.
mod sdk {
    include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
}

const RUST: [File; 9] = [
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
    ("build.rs", include_str!("new/rust/build.rs.template")),
    (
        "rust-toolchain.toml",
        include_str!("new/rust/rust-toolchain.toml.template"),
    ),
    ("src/lib.rs", include_str!("new/rust/lib.rs")),
    (
        "task-host.toml",
        include_str!("new/rust/task-host.toml.template"),
    ),
];

const C: [File; 6] = [
    (
        ".github/workflows/test.yml",
        include_str!("new/c/ci.yml.template"),
    ),
    (".gitignore", include_str!("new/c/gitignore")),
    ("Makefile", include_str!("new/c/Makefile")),
    ("README.md", include_str!("new/c/README.template")),
    ("src/notes.c", include_str!("new/c/notes.c")),
    (
        "task-host.toml",
        include_str!("new/c/task-host.toml.template"),
    ),
];

const GO: [File; 9] = [
    (
        ".github/workflows/test.yml",
        include_str!("new/go/ci.yml.template"),
    ),
    (".gitignore", include_str!("new/go/gitignore")),
    ("README.md", include_str!("new/go/README.template")),
    ("build.sh", include_str!("new/go/build.sh")),
    (
        "export___SNAKE___api_notes/notes.go",
        include_str!("new/go/notes.go.template"),
    ),
    (
        "export_task_host_platform_service/service.go",
        include_str!("new/go/service.go.template"),
    ),
    ("go.mod", include_str!("new/go/go.mod.template")),
    ("main.go", include_str!("new/go/main.go.template")),
    (
        "task-host.toml",
        include_str!("new/go/task-host.toml.template"),
    ),
];

/// The interface of a service in a language whose SDK does not make it of the code.
const INTERFACE: File = ("wit/service.wit", include_str!("new/shared/service.wit"));

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
    /// Needs clang and wasi-libc, or the WASI SDK
    C,
    /// Needs Go 1.25 or newer
    Go,
    /// Needs Python 3.11 or newer
    Python,
    /// Needs Node.js 20.19 or newer with npm
    #[value(name = "typescript")]
    TypeScript,
}

impl Language {
    /// The files of its own.
    fn files(self) -> &'static [File] {
        match self {
            Language::Rust => &RUST,
            Language::C => &C,
            Language::Go => &GO,
            Language::Python => &python::TEMPLATE,
            Language::TypeScript => &typescript::TEMPLATE,
        }
    }

    /// The sources of its SDK.
    fn sdk(self) -> &'static [File] {
        match self {
            Language::Rust => sdk::RUST,
            Language::C => sdk::C,
            Language::Go => sdk::GO,
            Language::Python => sdk::PYTHON,
            Language::TypeScript => sdk::TYPESCRIPT,
        }
    }

    /// The file with its interface. `None` if the SDK makes the interface of the code.
    fn interface(self) -> Option<&'static File> {
        match self {
            Language::Rust | Language::Python | Language::TypeScript => None,
            Language::C | Language::Go => Some(&INTERFACE),
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
    let write = |path: PathBuf, text: String| {
        fs::create_dir_all(path.parent().unwrap_or(&root))
            .and_then(|()| fs::write(&path, text))
            .with_context(cannot)
    };
    let interface = language.interface();
    let with_name = |text: &str| {
        text.replace("__NAME__", name)
            .replace("__SNAKE__", &name.replace('-', "_"))
    };
    for (path, text) in SHARED.iter().chain(language.files()).chain(interface) {
        write(root.join(with_name(path)), with_name(text))?;
    }
    for (path, text) in language.sdk() {
        let text = text.split(REPOSITORY_ONLY).next().unwrap_or_default();
        write(root.join("sdk").join(path), text.to_owned())?;
    }
    if interface.is_some() {
        wit::write(&root.join("wit/deps"), false)?;
    }
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
        let shared = [&SHARED[..], &[INTERFACE]].concat();
        for (folder, files) in [
            ("shared", &shared[..]),
            ("rust", &RUST[..]),
            ("c", &C[..]),
            ("go", &GO[..]),
            ("python", &python::TEMPLATE[..]),
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

        for language in Language::value_variants() {
            let folder = tempfile::tempdir().unwrap();
            let project = folder.path().join("price-list");
            create(&project, "price-list", *language).unwrap();
            for (path, _) in SHARED.iter().chain(language.files()) {
                let path = path.replace("__SNAKE__", "price_list");
                let text = fs::read_to_string(project.join(&path)).unwrap();
                assert!(
                    !text.contains("__NAME__") && !text.contains("__SNAKE__"),
                    "{path}"
                );
            }
            for (path, _) in language.sdk() {
                assert!(project.join("sdk").join(path).exists(), "{path}");
            }
            let wit = project.join("wit/deps/platform/world.wit");
            assert_eq!(wit.exists(), language.interface().is_some());
        }
    }

    #[test]
    fn the_sdk_of_a_rust_project_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("price-list");
        create(&project, "price-list", Language::Rust).unwrap();
        let settings = fs::read_to_string(project.join("task-host.toml")).unwrap();
        assert!(settings.contains("/price_list.wasm"), "{settings}");
        for manifest in ["sdk/Cargo.toml", "sdk/macros/Cargo.toml"] {
            let text = fs::read_to_string(project.join(manifest)).unwrap();
            assert!(!text.contains("workspace = true"), "{text}");
        }
        assert!(project.join("sdk/wit/platform/world.wit").exists());
    }
}
