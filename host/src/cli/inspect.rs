//! `task-host inspect`: shows what a component imports, exports and serves, and what it would break for
//! clients of an earlier one.
//!
//! Only the component's description of itself is executed, and no host is involved. The command makes
//! the checks of a deployment that need no database.

mod comparison;
mod inspection;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use self::comparison::Comparison;
pub(super) use self::inspection::Inspection;
use super::process::block_on;
use crate::config::{compiling, limits};
use crate::failure::Failure;
use crate::oci::{self, Artifact};
use crate::stdout::{print, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component: a file, or a reference such as oci://ghcr.io/acme/tasks:1.2
    #[arg(value_name = "FILE")]
    source: PathBuf,

    /// Compare with an earlier component, also a file or a reference. Fails if the new component breaks
    /// clients of the earlier one, or does not continue its migrations
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    compiling: compiling::Args,

    #[command(flatten)]
    registry: oci::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let content = read_source(&args.source, "FILE", &args.registry)?;
    let earlier = args.against.as_deref();
    let earlier = earlier
        .map(|source| read_source(source, "--against", &args.registry))
        .transpose()?;
    let compiler = args.compiling.compiler(0)?;
    let (inspection, before) = block_on(async {
        let inspection = Inspection::of(&content, &compiler)
            .await
            .with_context(|| format!("cannot inspect {}", args.source.display()))?;
        let before = match &earlier {
            Some(earlier) => Some(
                Inspection::of(earlier, &compiler)
                    .await
                    .context("--against: cannot inspect the component")?,
            ),
            None => None,
        };
        Ok((inspection, before))
    })?;
    let comparison = match (&before, &inspection.operations) {
        (Some(before), Ok(operations)) => {
            Some(Comparison::between(before, &inspection, operations)?)
        }
        _ => None,
    };
    let mut report = inspection.to_json(limits::in_effect()?);
    if let Some(comparison) = &comparison {
        report["against"] = comparison.to_json();
    }
    if args.json {
        print_json(&report)?;
    } else {
        let comparison = comparison.as_ref().map(Comparison::to_lines);
        let lines = inspection::to_lines(&report).into_iter();
        print(lines.chain(comparison.into_iter().flatten()))?;
    }
    inspection.accepted()?;
    Ok(comparison.map_or(Ok(()), |comparison| comparison.check())?)
}

/// Reads a component from a file, or pulls it if `source` is a reference to a registry. Errors name
/// `flag`.
pub(super) fn read_source(
    source: &Path,
    flag: &str,
    registry: &oci::Args,
) -> Result<Vec<u8>, Failure> {
    let reference = source.to_str().filter(|text| text.starts_with(oci::SCHEME));
    let Some(reference) = reference else {
        return std::fs::read(source).map_err(|error| {
            Failure::setting(flag, format!("cannot read {}: {error}", source.display()))
        });
    };
    let artifact: Artifact = reference
        .parse()
        .map_err(|reason| Failure::setting(flag, reason))?;
    Ok(block_on(artifact.pull(registry))?.content)
}
