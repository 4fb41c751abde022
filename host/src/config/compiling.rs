//! Flags: what the compilation of a component may use, for every command that compiles one.

use std::ffi::OsString;
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

    /// The memory that the compilation of a component may use; at least 128MiB. By default what the
    /// container's limit, or the machine, leaves beside the host and its requests, but at least a
    /// quarter of it and at most 4GiB
    #[arg(long, env = "TASK_HOST_COMPILE_MEMORY", value_parser = compile_memory)]
    compile_memory: Option<ByteSize>,
}

impl Args {
    /// Returns the compiler of components. `used_bytes` is the memory that requests and the database
    /// of this process may take meanwhile.
    pub(crate) fn compiler(&self, used_bytes: u64) -> anyhow::Result<Compiler> {
        let program = Compiler::of_this_program(used_bytes);
        let program = program.context("cannot find this program")?;
        let memory = self.compile_memory.map(|memory| memory.0 as u64);
        Ok(Compiler {
            timeout: self.compile_timeout,
            memory_bytes: memory.unwrap_or(program.memory_bytes),
            ..program
        })
    }

    /// Returns the flags that give another process the same limits.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let timeout = humantime::format_duration(self.compile_timeout).to_string();
        let mut flags = vec!["--compile-timeout".to_owned(), timeout];
        if let Some(memory) = self.compile_memory {
            flags.extend(["--compile-memory".to_owned(), memory.0.to_string()]);
        }
        flags.into_iter().map(OsString::from).collect()
    }
}

/// Parses the memory of a compilation.
fn compile_memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    match size.0 as u64 >= Compiler::LEAST_MEMORY_BYTES {
        true => Ok(size),
        false => Err("give at least 128MiB: with less, most components do not compile".to_owned()),
    }
}
