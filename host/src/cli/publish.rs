//! `task-host publish`: uploads a component to an OCI registry, from which hosts and pipelines pull it.

use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::process::block_on;
use crate::failure::Failure;
use crate::oci::{self, Artifact, Publication};
use crate::signature_file;
use crate::stdout::print;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component. If FILE.sig exists, the signature in it is published too
    file: PathBuf,

    /// The destination: oci://REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    to: Artifact,

    #[command(flatten)]
    registry: oci::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.to.is_pinned() {
        let reason = "give a tag instead of a digest; the command prints the digest";
        return Err(Failure::setting("REFERENCE", reason));
    }
    let content = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let signature = signature_file::read(&args.file, None);
    let signature = signature.map_err(|reason| Failure::setting("FILE", reason))?;
    let signature = signature.map(|signature| BASE64_STANDARD.encode(signature));
    let publication = Publication::component(content, signature)
        .with_context(|| format!("cannot publish {}", args.to))?;
    let published = block_on(args.to.push(&args.registry, publication))?;
    // Scripts pass this line to `deploy` or --declared-component, so nothing else is printed.
    let published = published.to_string();
    Ok(print([&published]).context(published)?)
}
