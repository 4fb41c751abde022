//! Flags: what the compilation of a component may use. `serve`, `inspect` and `import` have them.

use std::time::Duration;

use anyhow::Context as _;
use humantime::parse_duration;

use runtime::Compiler;
use server::ByteSize;

/// What the compilation of a component may use
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// How long the compilation of a component may take
    #[arg(long, env = "TASK_HOST_COMPILE_TIMEOUT", default_value = "2m", value_parser = parse_duration)]
    compile_timeout: Duration,

    /// The address space that the compilation of a component may use; at least 640MiB
    #[arg(long, env = "TASK_HOST_COMPILE_MEMORY", default_value = "4GiB", value_parser = compile_memory)]
    compile_memory: ByteSize,
}

impl Args {
    /// Returns the compiler of components.
    pub(crate) fn compiler(&self) -> anyhow::Result<Compiler> {
        let program = Compiler::of_this_program().context("cannot find this program")?;
        Ok(Compiler {
            timeout: self.compile_timeout,
            memory_bytes: self.compile_memory.0 as u64,
            ..program
        })
    }
}

/// Parses the address space of a compilation.
fn compile_memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    match size.0 as u64 >= Compiler::LEAST_MEMORY_BYTES {
        true => Ok(size),
        false => Err("give at least 640MiB: with less, most components do not compile".to_owned()),
    }
}
