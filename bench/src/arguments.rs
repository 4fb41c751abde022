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
    /// Shorter and fewer rounds, with wider spreads.
    #[arg(long)]
    pub quick: bool,

    /// Every load, on both databases, instead of the usual ones on SQLite: an hour and more.
    #[arg(long, conflicts_with_all = ["workload", "database"])]
    pub full: bool,

    /// Only this load, or these, and neither starts nor memory.
    #[arg(long, value_name = "KEY",
        value_parser = PossibleValuesParser::new(WORKLOADS.map(|workload| workload.key)))]
    pub workload: Vec<String>,

    /// On this database, or these.
    #[arg(long, value_enum, default_value = "sqlite")]
    pub database: Vec<Engine>,

    /// So many rounds instead of the plan's.
    #[arg(long)]
    pub rounds: Option<usize>,

    /// Writes JSON to standard output instead of tables.
    #[arg(long)]
    pub json: bool,

    /// Measures how latency grows with the number of tasks, on both engines, instead.
    #[arg(long)]
    pub scale: bool,

    /// Measures what a request costs on several hosts, and a deployment to many, instead.
    #[arg(long)]
    pub replicas: bool,

    /// The numbers of tasks that `--scale` compares; the first is what the others are put in
    /// proportion to.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    pub sizes: Vec<u64>,

    /// Writes the tables and the chart into docs/BENCHMARKS.md, too.
    #[arg(long)]
    pub publish: bool,

    /// Shows where a request's time goes, by the host's own spans, instead.
    #[arg(long)]
    pub stages: bool,

    /// Counts the instructions of a request instead, and fails where they became more.
    #[arg(long, conflicts_with_all = ["quick", "json"])]
    pub instructions: bool,

    /// Writes what was counted to bench/instructions.json instead of comparing with it.
    #[arg(long, requires = "instructions")]
    pub record: bool,

    /// The profile that both servers are built with. Anything but dist is for work on the
    /// benchmark itself.
    #[arg(long, default_value = "dist", hide = true)]
    pub profile: String,

    /// Leaves `wasmtime serve` out, whose build takes a quarter of an hour.
    #[arg(long)]
    pub without_wasmtime: bool,

    /// Takes host and twin from this folder instead of building them: static ones, for example.
    #[arg(long, value_name = "FOLDER")]
    pub binaries: Option<PathBuf>,
}
