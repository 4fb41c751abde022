//! `task-host openapi`: prints the OpenAPI document of a component, as a host with the default flags
//! serves it at `/openapi.json`.
//!
//! Only the component's description of itself is executed, and no host is involved.

use std::path::PathBuf;

use anyhow::Context as _;

use super::inspect::{Inspection, read_source};
use super::process::block_on;
use crate::config::compiling;
use crate::failure::Failure;
use crate::oci;
use crate::stdout::print_json;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component: a file, or a reference such as oci://ghcr.io/acme/tasks:1.2
    #[arg(value_name = "FILE")]
    source: PathBuf,

    #[command(flatten)]
    compiling: compiling::Args,

    #[command(flatten)]
    registry: oci::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let content = read_source(&args.source, "FILE", &args.registry)?;
    let compiler = args.compiling.compiler(0)?;
    let inspection = block_on(async {
        let inspected = Inspection::of(&content, &compiler).await;
        inspected.with_context(|| format!("cannot inspect {}", args.source.display()))
    })?;
    let operations = inspection.accepted()?;
    let document = transcode::openapi(&inspection.description, operations);
    Ok(print_json(&server::with_host_paths(&document, None, true))?)
}
