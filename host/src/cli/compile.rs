//! `task-host compile`: the child process in which components are compiled.

use crate::failure::Failure;
use runtime::compile_in_this_process;

/// Compile a component from standard input to standard output
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address space that the compilation may use, in bytes; unlimited unless given
    #[arg(long)]
    memory_limit: Option<u64>,

    /// CPU time that the compilation may use, in seconds; unlimited unless given
    #[arg(long)]
    cpu_limit: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    Ok(compile_in_this_process(args.memory_limit, args.cpu_limit)?)
}
