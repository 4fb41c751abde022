//! Checks running services against their own OpenAPI documents.
//!
//! The host that the tests built serves each component on a free port, with a database in memory. A
//! validator reads its /openapi.json. Then schemathesis derives valid and invalid requests from it, and
//! looks for server errors and for answers that the document does not allow. At the end the host must
//! drain and exit with status 0. The seed is fixed, so a failure can be repeated.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use testkit::{Host, Settings};
use xtask::component::{COUNTER, TASKS};
use xtask::python::{Missing, Python};
use xtask::step;
use xtask::workspace::Workspace;

use crate::summary::Outcome;

/// The name of the check in a summary.
pub const NAME: &str = "API against its OpenAPI document (schemathesis)";

/// What schemathesis checks in each answer.
///
/// Left out are `positive_data_acceptance` and the checks of deleted resources. A request may conform to
/// the document and still be refused because of the data, for example if a dependency does not exist.
const CHECKS: &[&str] = &[
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
];

/// A component to check.
struct Target {
    component: &'static str,
    /// A pattern of its paths that answer 5xx on purpose.
    left_out: Option<&'static str>,
    /// A check in addition to [`CHECKS`].
    further_check: Option<&'static str>,
    /// What the requests of a second, shorter run prefer.
    preference: Option<&'static str>,
}

const TARGETS: &[Target] = &[
    Target {
        component: TASKS.name,
        left_out: None,
        further_check: Some("negative_data_rejection"),
        preference: Some("handling=strict, tx=rollback"),
    },
    Target {
        component: COUNTER.name,
        left_out: Some("^/(naughty/|echo/problem$)"),
        // `negative_data_rejection` fails by mistake: schemathesis 4 believes that 2^63 exceeds a u64, and
        // that a list of one empty string differs from an empty list in a query.
        further_check: None,
        preference: None,
    },
];

/// Checks every component in `target/components` with the host in `target/debug`.
pub fn run(workspace: &Workspace) -> Outcome {
    step::announce("Preparing the Python tools of the API check…");
    let python = match Python::prepare(workspace) {
        Ok(python) => python,
        Err(Missing { why, remedy }) => return Outcome::LeftOut { why, remedy },
    };
    for target in TARGETS {
        let name = target.component;
        step::announce(&format!(
            "Checking the API of {name} against its OpenAPI document…"
        ));
        if let Err(error) = check(workspace, &python, target) {
            return Outcome::Failed(format!("{name}: {error:#}"));
        }
    }
    Outcome::Passed
}

fn check(workspace: &Workspace, python: &Python, target: &Target) -> Result<()> {
    let file =
        |folder: PathBuf, extension: &str| folder.join(target.component).with_extension(extension);
    let component = file(workspace.components(), "wasm");
    let folder = workspace.target.join("openapi");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let log = file(folder, "log");
    let settings = Settings::new(workspace.host_binary("debug"))?
        .component(component)
        .database("sqlite::memory:")
        .log_file(&log);
    let outcome = Host::start(&settings).and_then(|host| {
        let url = format!("http://{}/openapi.json", host.address);
        let admin = format!("http://{}/admin/openapi.json", host.admin_address);
        let answers = validate(workspace, python, &admin)
            .and_then(|()| validate(workspace, python, &url))
            .and_then(|()| {
                let mut runs = [None].into_iter().chain(target.preference.map(Some));
                runs.try_for_each(|preference| {
                    step::run(&mut schemathesis(
                        workspace, python, &url, target, preference,
                    ))
                })
            });
        let stopped = host.stop();
        answers.and(stopped)
    });
    outcome.with_context(|| format!("the host's log is {}", workspace.shown(&log)))
}

fn validate(workspace: &Workspace, python: &Python, url: &str) -> Result<()> {
    let script = workspace.root.join("tools/validate_openapi.py");
    let mut command = python.program("python");
    step::run(without_proxy(&mut command).arg(script).arg(url))
}

/// Returns the command of a run that takes a few minutes and is the same every time. With a preference
/// it takes seconds.
fn schemathesis(
    workspace: &Workspace,
    python: &Python,
    url: &str,
    target: &Target,
    preference: Option<&str>,
) -> Command {
    let phases = match preference {
        None => "examples,coverage,fuzzing,stateful",
        Some(_) => "coverage",
    };
    let checks: Vec<&str> = CHECKS.iter().copied().chain(target.further_check).collect();
    let mut command = python.program("schemathesis");
    without_proxy(&mut command)
        // Its working files stay out of the repository.
        .current_dir(workspace.target.join("openapi"))
        .arg("--config-file")
        .arg(workspace.root.join("tools/schemathesis.toml"))
        .args(["run", url, "--checks", &checks.join(",")])
        .args(["--phases", phases])
        .args(["--max-examples", "40", "--seed", "1", "--workers", "1"])
        .args(["--generation-database", "none", "--request-timeout", "10"])
        .args(["--continue-on-failure", "--no-color"])
        .args(["--suppress-health-check", "all"]);
    if let Some(preference) = preference {
        command.args(["--header", &format!("Prefer: {preference}")]);
    }
    // It cannot read the event stream, an answer without an end.
    let left_out = match target.left_out {
        Some(paths) => format!("^/events$|{paths}"),
        None => "^/events$".to_owned(),
    };
    command.args(["--exclude-path-regex", &left_out]);
    command
}

/// A proxy cannot reach a server on this machine.
fn without_proxy(command: &mut Command) -> &mut Command {
    let local = "127.0.0.1,localhost";
    command.env("NO_PROXY", local).env("no_proxy", local)
}
