//! Checks what ships the service: runs `tools/verify` with pytest.
//!
//! Real tools do the checks: kubectl and helm render the manifests, promtool runs the alerts' tests, a
//! Prometheus scrapes a live host, buildah builds the image and podman runs it. Tools from Python
//! packages are pinned in `tools/requirements.txt`. If a test needs a program of the system that is
//! missing, it is skipped with the name of the package, and fails in CI.

use xtask::component::TASKS;
use xtask::python::{Missing, Python};
use xtask::step;
use xtask::workspace::Workspace;

use crate::summary::Outcome;

/// The name of the checks in a summary.
pub const NAME: &str = "manifests, chart, alerts, dashboard, image, workflows";

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Run only the checks that match this pytest expression, such as `manifests`.
    filter: Option<String>,
}

/// Runs the checks with the host in `target/debug` and the component in `target/components`.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    step::announce("Preparing the Python tools of the checks…");
    let python = match Python::prepare(workspace) {
        Ok(python) => python,
        Err(Missing { why, remedy }) => return Outcome::LeftOut { why, remedy },
    };
    step::announce("Checking manifests, chart, alerts, dashboard, image and workflows…");
    let component = workspace.components().join(TASKS.name);
    let mut checks = python.program("python");
    checks
        .args(["-m", "pytest", "--quiet", "--tb=short", "-r", "s"])
        // Half of the time is waiting: for builds that use one core, for timers. A file's tests stay together,
        // because they share what is expensive to make.
        .args(["--numprocesses", "auto", "--maxprocesses", "4"])
        .args(["--dist", "loadfile"])
        // Its working files stay out of the repository.
        .args(["-p", "no:cacheprovider"])
        .arg(workspace.root.join("tools/verify"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TASK_HOST_BINARY", workspace.host_binary("debug"))
        .env("TASK_HOST_COMPONENT", component.with_extension("wasm"))
        .env("TASK_HOST_VERIFY_DIR", workspace.target.join("verify"));
    if let Some(filter) = &arguments.filter {
        checks.args(["-k", filter]);
    }
    match step::run(&mut checks) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}
