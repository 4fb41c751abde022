//! Searches for inputs that break the code that reads bytes of strangers, with coverage feedback.
//!
//! The targets are tests of the workspace that use `bolero::check!`. `cargo test` runs them on their corpus and on
//! random inputs. This command compiles them with LLVM's coverage counters and lets libFuzzer search, one target
//! after the other. It needs a C++ compiler. No sanitizer is used: the toolchain is stable, and the code has no
//! `unsafe`.
//!
//! New inputs are kept in `target/fuzz/corpus`, so that the next run goes on from there. An input that fails is
//! written to `crashes` next to the target's corpus, and fails `cargo test` from then on.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use xtask::step;
use xtask::workspace::Workspace;

/// The version of the command that builds and runs the targets. It must fit the crate `bolero`.
const CARGO_BOLERO: &str = "0.13.5";

/// The crates with targets.
const PACKAGES: &[(&str, &[&str])] = &[
    (
        "task-host-transcode",
        &[
            "tests::fuzz::a_result_in_hostile_memory_is_read_or_rejected",
            "tests::fuzz::any_json_is_rejected_or_survives_a_round_trip",
            "tests::fuzz::any_query_is_read_or_rejected",
            "tests::fuzz::any_template_is_parsed_or_rejected",
            "tests::fuzz::any_bytes_are_decoded_as_a_component_or_rejected",
            "tests::fuzz::any_wit_is_decoded_and_described",
        ],
    ),
    (
        "task-host-storage",
        &[
            "postgres::fuzz::any_statement_is_accepted_whole_or_refused",
            "postgres::fuzz::any_migration_is_split_into_its_statements_or_refused",
        ],
    ),
];

/// Arguments of `fuzz`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Run only the targets whose name contains this text.
    filter: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Runs the targets one after the other and stops at the first input that fails.
///
/// # Errors
/// If no target matches, cargo-bolero cannot be installed, a target does not compile, or an input fails.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let folder = workspace.target.join("fuzz");
    let mut ran = 0;
    for (package, tests) in PACKAGES {
        for test in tests.iter().filter(|test| test.contains(filter)) {
            if ran == 0 {
                install(workspace)?;
            }
            ran += 1;
            step::announce(&format!("Fuzzing {test} for {} s…", arguments.seconds));
            let corpus = folder.join("corpus").join(test.replace("::", "-"));
            fs::create_dir_all(&corpus)
                .with_context(|| format!("cannot create {}", workspace.shown(&corpus)))?;
            let mut command = workspace.cargo("bolero");
            command
                .args(["test", "--sanitizer", "NONE", "--profile", "fuzz"])
                .args(["--package", package])
                .arg("--target-dir")
                .arg(&folder)
                .args(["-T", &format!("{}s", arguments.seconds)])
                .arg("--corpus-dir")
                .arg(&corpus)
                .args(["--engine-args", "-print_final_stats=1"])
                .arg(test);
            prefer(&mut command, programs(workspace));
            step::run(&mut command)?;
        }
    }
    if ran == 0 {
        bail!("no target's name contains {filter:?}");
    }
    Ok(())
}

/// Installs cargo-bolero into the target folder, unless it is there.
fn install(workspace: &Workspace) -> Result<()> {
    let installed = workspace
        .target
        .join("fuzz/cargo-bolero")
        .join(CARGO_BOLERO);
    if installed.exists() {
        return Ok(());
    }
    step::announce("Installing cargo-bolero into the target folder…");
    step::run(
        workspace
            .cargo("install")
            .args([
                "cargo-bolero",
                "--locked",
                "--debug",
                "--version",
                CARGO_BOLERO,
            ])
            .args(["--no-default-features", "--features", "libfuzzer"])
            .arg("--root")
            .arg(&installed),
    )
}

/// Returns the folder of the installed programs.
fn programs(workspace: &Workspace) -> PathBuf {
    let root = workspace.target.join("fuzz/cargo-bolero");
    root.join(CARGO_BOLERO).join("bin")
}

/// Makes a command look for programs in a folder first.
fn prefer(command: &mut Command, folder: PathBuf) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
}
