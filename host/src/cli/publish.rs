//! `task-host publish`: puts a component into an OCI registry, where hosts and pipelines find it.

use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{block_on, print};
use crate::failure::Failure;
use crate::oci::{self, Artifact};
use crate::signature_file;

/// Put a component into an OCI registry
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component; its signature in FILE.sig goes along where that exists
    file: PathBuf,

    /// Where to: oci://REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    to: Artifact,

    #[command(flatten)]
    registry: oci::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.to.is_pinned() {
        let reason = "give a tag; the digest is what comes of it";
        return Err(Failure::setting("REFERENCE", reason));
    }
    let content = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let signature = signature_file::read(&args.file, None);
    let signature = signature.map_err(|reason| Failure::setting("FILE", reason))?;
    let signature = signature.map(|signature| BASE64_STANDARD.encode(signature));
    let published = block_on(args.to.push(&args.registry, content, signature))?;
    // Alone on standard output, for scripts: what `deploy` and --declared-component take.
    Ok(print(&format!("{published}\n"))?)
}
