//! The `task-host` binary: joins the parts, and is the only place that ends the process.

use std::process::ExitCode;

/// Requests allocate many short-lived strings; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    task_host::cli::run()
}
