//! `task-host inspect`: what a component imports, exports and serves, and what it breaks for clients
//! of an earlier one.
//!
//! Nothing runs but the component's description of itself, and no host is asked: it says before a
//! deployment what a host would say, as far as that shows without a database.

mod against;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use self::against::Comparison;
use super::{Failure, block_on, oci, print};
use contract::Description;
use contract::digest;
use deployment::{Rejection, check_description};
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
    let content = oci::read(&args.source, "FILE", &args.registry)?;
    let earlier = args.against.as_deref();
    let earlier = earlier
        .map(|source| oci::read(source, "--against", &args.registry))
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

/// What a component is, and whether it fits together.
struct Seen {
    digest: String,
    interface: Interface,
    description: Description,
    operations: Result<Vec<Operation>, Rejection>,
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
        digest: digest::sha256(component),
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
