//! `cargo xtask build` and `cargo xtask run`: builds the release, and runs it.

use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use xtask::component;
use xtask::step;
use xtask::workspace::Workspace;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Further arguments for `task-host serve`, such as `--addr 127.0.0.1:8080`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    serve: Vec<OsString>,
}

/// Builds the component and the release build of the host.
///
/// # Errors
/// If one of them does not build.
pub fn build(workspace: &Workspace) -> Result<()> {
    component::build(workspace, component::TASKS)?;
    build_host(workspace)
}

/// Builds the release build of the host.
///
/// # Errors
/// If it does not build.
pub fn build_host(workspace: &Workspace) -> Result<()> {
    step::announce("Building the host (the first time takes a few minutes)…");
    step::run(
        workspace
            .cargo("build")
            .args(["--release", "--package", "task-host"]),
    )?;
    let binary = workspace.host_binary("release");
    step::note(&workspace.shown(&binary).to_string());
    Ok(())
}

/// Builds everything and becomes the host: signals reach it directly, and its exit status is that of this
/// command.
///
/// # Errors
/// If the build fails or the host cannot be started. Otherwise it does not return.
pub fn run(workspace: &Workspace, arguments: Arguments) -> Result<Infallible> {
    build(workspace)?;
    let data = workspace.root.join("data");
    fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;

    let tasks = workspace.components().join("tasks.wasm");
    let defaults = [
        ("--component", "TASK_HOST_COMPONENT", tasks.into_os_string()),
        (
            "--database",
            "TASK_HOST_DATABASE",
            "sqlite:data/tasks.db".into(),
        ),
    ];
    let set = |variable: &str| env::var_os(variable).is_some();
    let mut serve = with_defaults(arguments.serve, defaults, set);
    // The database may have the component of an earlier build.
    if !serve.iter().any(|argument| argument == "--deploy") && !set("TASK_HOST_DEPLOY") {
        serve.push("--deploy".into());
    }
    step::announce("Starting the host; Ctrl-C stops it…");
    let error = Command::new(workspace.host_binary("release"))
        .arg("serve")
        .args(serve)
        .current_dir(&workspace.root)
        .exec();
    Err(error).context("cannot start the host")
}

/// Adds each default (flag, variable, value) whose flag is not given and whose variable is not set.
fn with_defaults<const N: usize>(
    mut given: Vec<OsString>,
    defaults: [(&str, &str, OsString); N],
    set: impl Fn(&str) -> bool,
) -> Vec<OsString> {
    for (flag, variable, value) in defaults {
        let names_flag = |argument: &OsString| {
            let rest = argument.as_encoded_bytes().strip_prefix(flag.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
        };
        if !given.iter().any(names_flag) && !set(variable) {
            given.extend([OsStr::new(flag).to_owned(), value]);
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(given: &[&str], variables: &[&str]) -> Vec<OsString> {
        with_defaults(
            given.iter().map(OsString::from).collect(),
            [("--database", "TASK_HOST_DATABASE", "sqlite:d".into())],
            |variable| variables.contains(&variable),
        )
    }

    #[test]
    fn a_missing_flag_gets_its_default() {
        let expected = ["--addr", "[::]:80", "--database", "sqlite:d"];
        assert_eq!(complete(&["--addr", "[::]:80"], &[]), expected);
    }

    #[test]
    fn a_given_flag_is_not_repeated() {
        let apart = ["--database", "sqlite:mine"];
        assert_eq!(complete(&apart, &[]), apart);
        let joined = ["--database=sqlite:mine"];
        assert_eq!(complete(&joined, &[]), joined);
    }

    #[test]
    fn a_flag_with_the_same_prefix_does_not_count() {
        let expected = ["--database-pool=3", "--database", "sqlite:d"];
        assert_eq!(complete(&["--database-pool=3"], &[]), expected);
    }

    #[test]
    fn a_variable_counts_as_given() {
        assert!(complete(&[], &["TASK_HOST_DATABASE"]).is_empty());
    }
}
