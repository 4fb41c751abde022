//! The `task-host` binary. The only place that ends the process.

use std::process::ExitCode;

/// Requests allocate many short-lived strings, for which this allocator is faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    task_host::cli::run()
}
