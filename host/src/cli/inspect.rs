//! `task-host inspect`: what a component imports, exports and serves.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Failure, block_on};
use crate::contract::Description;
use crate::deployment::{Refused, check_description, digest_of};
use crate::runtime::{Compiler, Limits, Runtime};
use crate::transcode::Interface;

/// Say what a component imports, exports and serves
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component
    file: PathBuf,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// How long the component may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let component = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let seen = block_on(read(&component))
        .with_context(|| format!("cannot inspect {}", args.file.display()))?;
    let report = report(&component, &seen.interface, &seen.description);
    if args.json {
        println!("{report:#}");
    } else {
        print!("{}", in_words(&report));
    }
    seen.verdict.map_err(|refused| {
        anyhow::anyhow!("no host would take it ({}): {refused}", refused.code()).into()
    })
}

/// What a component is, and whether it fits together.
struct Seen {
    interface: Interface,
    description: Description,
    verdict: Result<(), Refused>,
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
    let verdict = check_description(&interface, &description, &assets);
    Ok(Seen {
        interface,
        description,
        verdict,
    })
}

fn report(component: &[u8], interface: &Interface, description: &Description) -> Value {
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
                    crate::contract::Access::Read => "read",
                    crate::contract::Access::Write => "write",
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
        "digest": format!("sha256:{}", digest_of(component)),
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
