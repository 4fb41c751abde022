//! Searches for inputs that break the code that reads bytes of strangers, with coverage feedback.
//!
//! The targets are tests of the workspace that use `bolero::check!`. `cargo test` runs them on their corpus and on
//! random inputs. This command compiles them with LLVM's coverage counters and lets libFuzzer search, one target
//! after the other. It needs a C++ compiler. No sanitizer is used: the toolchain is stable, and the code has no
//! `unsafe`.
//!
//! New inputs are kept in `target/fuzz/corpus`, so that the next run goes on from there. An input that fails is
//! written to `target/fuzz/failed`. Copy it into the target's `corpus` in the repository: `cargo test` tries it from
//! then on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use xtask::step;
use xtask::workspace::Workspace;

/// Coverage counters as libFuzzer reads them. These are the flags of cargo-bolero, which itself cannot be used: it
/// compiles every test of a package, and those without a target do not link.
const COVERAGE: &[&str] = &[
    "--cfg=fuzzing",
    "--cfg=fuzzing_libfuzzer",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-stack-depth",
];

/// A file with targets.
struct Package {
    name: &'static str,
    /// The folder with the file, and with the corpus.
    folder: &'static str,
    /// The tests that are targets.
    targets: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package {
        name: "task-host-transcode",
        folder: "host/transcode/src/tests",
        targets: &[
            "tests::fuzz::a_result_in_hostile_memory_is_read_or_rejected",
            "tests::fuzz::any_json_is_rejected_or_survives_a_round_trip",
            "tests::fuzz::any_query_is_read_or_rejected",
            "tests::fuzz::any_template_is_parsed_or_rejected",
            "tests::fuzz::any_bytes_are_decoded_as_a_component_or_rejected",
            "tests::fuzz::any_wit_is_decoded_and_described",
        ],
    },
    Package {
        name: "task-host-runtime",
        folder: "host/runtime/src/compiler",
        targets: &["compiler::fuzz::any_component_is_changed_into_a_valid_one_or_left_alone"],
    },
    Package {
        name: "task-host-server",
        folder: "host/server/src/listen/gate",
        targets: &["listen::gate::tests::any_bytes_pass_unchanged_or_are_refused"],
    },
    Package {
        name: "task-host-server",
        folder: "host/server/src/listen/tests",
        targets: &["listen::tests::frames::any_frames_are_answered_or_end_the_connection"],
    },
    Package {
        name: "task-host-storage",
        folder: "host/storage/src/postgres",
        targets: &[
            "postgres::fuzz::any_statement_is_accepted_whole_or_refused",
            "postgres::fuzz::any_migration_is_split_into_its_statements_or_refused",
        ],
    },
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
/// If no target matches, a target does not compile, or an input fails.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let mut ran = 0;
    for package in PACKAGES {
        let targets = package.targets.iter();
        let mut targets = targets.filter(|target| target.contains(filter)).peekable();
        if targets.peek().is_none() {
            continue;
        }
        step::announce(&format!("Building the fuzz targets of {}…", package.name));
        let program = build(workspace, package)?;
        for target in targets {
            step::announce(&format!("Fuzzing {target} for {} s…", arguments.seconds));
            fuzz(workspace, &program, package, target, arguments.seconds)?;
            ran += 1;
        }
    }
    if ran == 0 {
        bail!("no target's name contains {filter:?}");
    }
    Ok(())
}

/// Compiles a package's unit tests with coverage counters. Returns the program.
fn build(workspace: &Workspace, package: &Package) -> Result<PathBuf> {
    let host = step::read(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let command = || {
        let mut command = workspace.cargo("test");
        command
            .args([
                "--package",
                package.name,
                "--lib",
                "--no-run",
                "--profile",
                "fuzz",
            ])
            // Given a target, cargo compiles build scripts and macros without the counters.
            .args(["--target", &host])
            .arg("--target-dir")
            .arg(workspace.target.join("fuzz"))
            .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"))
            .env("BOLERO_FUZZER", "libfuzzer");
        command
    };
    step::run(&mut command())?;
    let messages = step::read(command().arg("--message-format=json"))?;
    let mut messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo did not name the test program of {}", package.name))
}

/// Lets libFuzzer search inputs for one target.
fn fuzz(
    workspace: &Workspace,
    program: &Path,
    package: &Package,
    target: &str,
    seconds: u32,
) -> Result<()> {
    let name = target.replace("::", "__");
    let found = workspace.target.join("fuzz/corpus").join(&name);
    let failed = workspace.target.join("fuzz/failed").join(&name);
    for folder in [&found, &failed] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", workspace.shown(folder)))?;
    }
    let mut flags = vec![
        format!("-max_total_time={seconds}"),
        "-timeout=10".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={}/", workspace.shown(&failed)),
        workspace.shown(&found).to_string(),
    ];
    let seeds = format!("{}/__fuzz__/{name}/corpus", package.folder);
    if workspace.root.join(&seeds).exists() {
        flags.push(seeds);
    }
    step::run(
        Command::new(program)
            .args([target, "--exact", "--nocapture", "--test-threads=1"])
            .current_dir(&workspace.root)
            .env("BOLERO_LIBFUZZER_ARGS", flags.join(" ")),
    )
}
