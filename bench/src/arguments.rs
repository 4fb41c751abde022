//! The command line of `cargo xtask bench`.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::store::Engine;
use crate::workload::WORKLOADS;

/// Measures the host against its native twin and its peers.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
pub struct Arguments {
    /// Run fewer and shorter rounds, whose results spread wider.
    #[arg(long)]
    pub quick: bool,

    /// Measure every workload on both databases, instead of the usual ones on SQLite. Takes more than
    /// an hour.
    #[arg(long, conflicts_with_all = ["workload", "database"])]
    pub full: bool,

    /// Measure only these workloads, and neither starts nor memory.
    #[arg(long, value_name = "KEY",
        value_parser = PossibleValuesParser::new(WORKLOADS.map(|workload| workload.key)))]
    pub workload: Vec<String>,

    /// Databases to measure on.
    #[arg(long, value_enum, default_value = "sqlite")]
    pub database: Vec<Engine>,

    /// Number of rounds.
    #[arg(long)]
    pub rounds: Option<usize>,

    /// Write JSON to standard output instead of tables.
    #[arg(long)]
    pub json: bool,

    /// Instead, measure how latency grows with the number of tasks, on both databases.
    #[arg(long)]
    pub scale: bool,

    /// Instead, measure what a request costs on several hosts, and how long a deployment to many takes.
    #[arg(long)]
    pub replicas: bool,

    /// Numbers of tasks that `--scale` compares. The table has the ratio of the last to the first.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    pub sizes: Vec<u64>,

    /// Also write the tables and the chart into docs/BENCHMARKS.md.
    #[arg(long)]
    pub publish: bool,

    /// Instead, show where the time of a request goes, from the host's own spans.
    #[arg(long)]
    pub stages: bool,

    /// Instead, count the instructions of a request, and fail if they are more than recorded.
    #[arg(long, conflicts_with_all = ["quick", "json"])]
    pub instructions: bool,

    /// Write the counts to bench/instructions.json instead of comparing them with it.
    #[arg(long, requires = "instructions")]
    pub record: bool,

    /// Profile that host and twin are built with. Other profiles than dist are for work on the benchmark
    /// itself.
    #[arg(long, default_value = "dist", hide = true)]
    pub profile: String,

    /// Leave out `wasmtime serve`, whose build takes a quarter of an hour.
    #[arg(long)]
    pub without_wasmtime: bool,

    /// Take host and twin from this folder instead of building them, for example static binaries.
    #[arg(long, value_name = "FOLDER")]
    pub binaries: Option<PathBuf>,
}
