//! `cargo xtask bench --stages`: where the time of a request goes. `bench/stages.py` collects the host's
//! traces and summarises them.

use anyhow::{Result, anyhow};
use xtask::component;
use xtask::python::{Missing, Python};
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;
use crate::binaries;

/// Measures, and prints a table.
///
/// # Errors
/// If Python's packages cannot be installed, or the host does not answer.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let component = component::build(workspace, component::TASKS)?;
    let binaries = binaries::folder(workspace, arguments, &["task-host"])?;
    let python = Python::prepare_with(workspace, "bench/peers/requirements.txt", "peers-venv")
        .map_err(|Missing { why, remedy }| anyhow!("{why}; {remedy}"))?;
    step::run(
        python
            .program("python")
            .env("PYTHONPATH", workspace.root.join("testkit/python"))
            .arg(workspace.root.join("bench/stages.py"))
            .arg(binaries.join("task-host"))
            .arg(component),
    )
}
