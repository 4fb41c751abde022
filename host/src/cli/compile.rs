//! `task-host compile`: compiles a component in a child process of `serve`.

use crate::failure::Failure;
use runtime::compile_in_this_process;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The address space that the compilation may use, in bytes; unlimited by default
    #[arg(long)]
    memory_limit: Option<u64>,

    /// The CPU time that the compilation may use, in seconds; unlimited by default
    #[arg(long)]
    cpu_limit: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    Ok(compile_in_this_process(args.memory_limit, args.cpu_limit)?)
}
