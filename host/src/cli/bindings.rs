//! `task-host bindings`: writes the types and functions of a WIT world as source files, for languages whose compilers
//! have no generator of their own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use encode::Wit;
use wit_bindgen_core::{Files, WorldGenerator};

use super::component::WorldArgs;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  task-host bindings c --out bindings")]
pub(super) struct Args {
    /// The language
    #[arg(value_enum)]
    language: Language,

    /// The folder for the files. Files that have the same content stay as they are
    #[arg(long, value_name = "DIR", default_value = "bindings")]
    out: PathBuf,

    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    /// A header, a source file, and an object file to link, with the world's name
    C,
    /// A package for each interface, in a module with the world's name
    Go,
}

impl Language {
    /// Returns the generator for a world and the name of the folder of its files.
    fn generator(self, world: &str, folder: &str) -> Box<dyn WorldGenerator> {
        match self {
            Language::C => wit_bindgen_c::Opts::default().build(),
            Language::Go => {
                let options = wit_bindgen_go::Opts {
                    // Go refers to packages by the name of their module.
                    pkg_name: Some(format!("{world}/{folder}")),
                    export_pkg_name: Some(world.to_owned()),
                    format: wit_bindgen_go::Format::False,
                    ..Default::default()
                };
                options.build()
            }
        }
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let WorldArgs { wit, world } = &args.world;
    let mut wit = Wit::read(wit)?;
    let world = wit.world(world.as_deref())?;
    let mut files = Files::default();
    let name = wit.resolve.worlds[world].name.clone();
    let generated = args
        .language
        .generator(&name, &args.out.to_string_lossy())
        .generate(&mut wit.resolve, world, &mut files);
    generated.map_err(|error| anyhow!("{error:#}"))?;
    for (name, content) in files.iter() {
        let path = args.out.join(name);
        // The times of the files tell build tools what has changed.
        if fs::read(&path).is_ok_and(|found| found == content) {
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(&args.out))
            .and_then(|()| fs::write(&path, content))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
