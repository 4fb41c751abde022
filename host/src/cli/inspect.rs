//! `task-host inspect`: what a component imports, exports and serves, and what it breaks for clients
//! of an earlier one.
//!
//! Nothing runs but the component's description of itself, and no host is asked: it says before a
//! deployment what a host would say, as far as that shows without a database.

mod against;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use self::against::Comparison;
use super::{block_on, print};
use crate::failure::Failure;
use crate::oci::{self, Artifact};
use contract::Description;
use deployment::{Refused, check_description, digest_of};
use runtime::{Compiler, Limits, Runtime};
use transcode::{Interface, Operation};

/// Say what a component imports, exports and serves
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component: a file, or a reference such as oci://ghcr.io/acme/tasks:1.2
    #[arg(value_name = "FILE")]
    source: PathBuf,

    /// Compare with an earlier one, a file or a reference too, and fail where this one breaks its
    /// clients or does not continue its schema
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Write one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    registry: oci::Args,
}

/// How long the component may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let content = content_of(&args.source, "FILE", &args.registry)?;
    let earlier = args.against.as_deref();
    let earlier = earlier
        .map(|source| content_of(source, "--against", &args.registry))
        .transpose()?;
    let (seen, before) = block_on(async {
        let seen = read(&content)
            .await
            .with_context(|| format!("cannot inspect {}", args.source.display()))?;
        let before = match &earlier {
            Some(earlier) => Some(
                read(earlier)
                    .await
                    .context("--against: cannot inspect it")?,
            ),
            None => None,
        };
        Ok((seen, before))
    })?;
    let compared = match (&before, &seen.operations) {
        (Some(before), Ok(after)) => Some(Comparison::between(before, &seen, after)?),
        _ => None,
    };
    let mut report = report(&content, &seen);
    if let Some(compared) = &compared {
        report["against"] = compared.report();
    }
    if args.json {
        print(&format!("{report:#}\n"))?;
    } else {
        let compared = compared.as_ref().map(Comparison::in_words);
        print(&format!(
            "{}{}",
            in_words(&report),
            compared.unwrap_or_default()
        ))?;
    }
    if let Err(refused) = &seen.operations {
        return Err(
            anyhow::anyhow!("no host would take it ({}): {refused}", refused.code()).into(),
        );
    }
    Ok(compared.map_or(Ok(()), |compared| compared.verdict())?)
}

/// Reads a component from a file, or from a registry if `source` is a reference. `flag` is the
/// flag that named it.
fn content_of(source: &Path, flag: &str, registry: &oci::Args) -> Result<Vec<u8>, Failure> {
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

/// What a component is, and whether it fits together.
struct Seen {
    digest: String,
    interface: Interface,
    description: Description,
    operations: Result<Vec<Operation>, Refused>,
}

async fn read(component: &[u8]) -> anyhow::Result<Seen> {
    let compiler = Compiler::of_this_program()?;
    let code = compiler.compile(component).await?;
    let interface = Interface::decode(component)?;
    let runtime = Runtime::new(Limits {
        instances: 1,
        ..Limits::default()
    })?;
    let program = runtime.load(&code)?;
    let deadline = Instant::now() + PATIENCE;
    let description = runtime.describe(&program, deadline).await?;
    let assets = runtime.assets(&program, deadline).await?;
    let operations = check_description(&interface, &description, &assets);
    Ok(Seen {
        digest: digest_of(component),
        interface,
        description,
        operations,
    })
}

fn report(component: &[u8], seen: &Seen) -> Value {
    let (interface, description) = (&seen.interface, &seen.description);
    let operations: Vec<String> = interface
        .functions()
        .iter()
        .filter(|function| function.signature.is_ok())
        .map(|function| format!("{}#{}", function.interface.unversioned(), function.name))
        .collect();
    let routes: Vec<Value> = description
        .routes
        .iter()
        .map(|route| {
            json!({
                "method": route.method.as_str(),
                "path": route.path,
                "operation": route.operation,
                "access": match route.access {
                    contract::Access::Read => "read",
                    contract::Access::Write => "write",
                },
                "success": route.success,
            })
        })
        .collect();
    let migrations: Vec<&str> = description
        .migrations
        .iter()
        .map(|migration| migration.name.as_str())
        .collect();
    json!({
        "name": description.name,
        "version": description.version,
        "digest": format!("sha256:{}", seen.digest),
        "size_bytes": component.len(),
        "imports": interface.imports(),
        "exports": interface.exports(),
        "operations": operations,
        "routes": routes,
        "migrations": migrations,
    })
}

fn in_words(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = format!(
        "{} {}\ndigest      {}\nsize        {} bytes\n",
        text(&report["name"]),
        text(&report["version"]),
        text(&report["digest"]),
        report["size_bytes"],
    );
    for list in ["imports", "exports", "operations", "migrations"] {
        out.push_str(&format!("\n{list}\n"));
        for item in report[list].as_array().into_iter().flatten() {
            out.push_str(&format!("  {}\n", text(item)));
        }
    }
    out.push_str("\nroutes\n");
    for route in report["routes"].as_array().into_iter().flatten() {
        out.push_str(&format!(
            "  {:<6} {:<32} {:<5} {}\n",
            text(&route["method"]),
            text(&route["path"]),
            text(&route["access"]),
            text(&route["operation"]),
        ));
    }
    out
}
