//! `task-host component`: makes a component of a core module, for compilers that make no components themselves.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use encode::Wit;

use crate::failure::Failure;
use crate::stdout::print;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  task-host bindings c
  clang --target=wasm32-wasi -mexec-model=reactor -Ibindings bindings/*.c src/*.c -o module.wasm
  task-host component module.wasm --out logic.wasm")]
pub(super) struct Args {
    /// The core module, which exports the functions of the world. It may use WASI 0.1
    module: PathBuf,

    /// The component's file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    world: WorldArgs,
}

/// The world of a component.
#[derive(Debug, clap::Args)]
pub(super) struct WorldArgs {
    /// The folder with the service's WIT, and its dependencies in `deps`
    #[arg(long, value_name = "DIR", default_value = "wit")]
    pub(super) wit: PathBuf,

    /// The world. May be left out if the WIT has only one
    #[arg(long, value_name = "NAME")]
    pub(super) world: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let WorldArgs { wit, world } = &args.world;
    let wit = Wit::read(wit)?;
    let world = wit.world(world.as_deref())?;
    let name = args.module.display();
    let mut module = fs::read(&args.module).with_context(|| format!("cannot read {name}"))?;
    encode::embed(&mut module, &wit, world).with_context(|| format!("{name} is no core module"))?;
    let mut component =
        encode::encode(&module).with_context(|| format!("cannot make a component of {name}"))?;
    encode::append_docs(&mut component, &wit)?;
    let out = args.out.display();
    fs::write(&args.out, &component).with_context(|| format!("cannot write {out}"))?;
    Ok(print([format!(
        "{out}: {} KiB",
        component.len().div_ceil(1024)
    )])?)
}
