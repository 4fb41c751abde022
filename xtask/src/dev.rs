//! `cargo xtask dev`: every saved change of the logic is built and brought into a running host.
//!
//! A build or a deployment that fails leaves the running logic alone. The host is a local one
//! unless `--to` names another; the data of the local one is apart from that of `run`, because
//! migrations that are still being written would be in the way there.

mod sources;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use testkit::{Process, client};
use xtask::component::{self, Component};
use xtask::step;
use xtask::workspace::Workspace;

use self::sources::Sources;
use crate::run;

/// What the logic is made of. Its tests are no part of it.
const ROOTS: [&str; 5] = [
    "component/Cargo.toml",
    "component/migrations",
    "component/src",
    "component/web",
    "wit",
];

/// Limit for a start: the host compiles the component first.
const START: Duration = Duration::from_secs(60);

/// The folders that hold [`ROOTS`]. A file is watched through its folder, because editors replace it.
const FOLDERS: [&str; 2] = ["component", "wit"];

/// The task service, built in a second rather than to run fast.
const IN_WORK: Component = Component {
    profile: "component-dev",
    file: "dev/tasks.wasm",
    ..component::TASKS
};

/// Where the changes go.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The operators' port of a host that runs already, such as http://127.0.0.1:9000. Its token
    /// is read from TASK_HOST_ADMIN_TOKEN.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Where the local host serves the API.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
    /// Where the local host serves operators.
    #[arg(long, default_value = "127.0.0.1:9000")]
    admin_addr: SocketAddr,
}

/// Builds and deploys each change, until Ctrl-C or SIGTERM; the local host ends with it.
///
/// # Errors
/// Where the host cannot be built or started, or has ended. A change that does not build or is
/// refused is told, and is no error.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    run::build_host(workspace)?;
    let binary = workspace.host_binary("release");
    // Not before the host is built: Cargo and the compiler end by themselves.
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        flag::register(signal, stopped.clone())?;
    }
    let below_root =
        |names: &[&str]| -> Vec<_> { names.iter().map(|name| workspace.root.join(name)).collect() };
    let sources = Sources::watch(&below_root(&FOLDERS), below_root(&ROOTS))?;
    let mut host = None;
    let mut live = Vec::new();
    let mut saved = SystemTime::now();
    loop {
        if let Some(file) = build(workspace) {
            let content = fs::read(&file)?;
            if host.is_none() && arguments.to.is_none() {
                host = Some(start(workspace, arguments, &binary, &file)?);
            }
            if content == live {
                step::announce("Nothing to deploy: the change is none to the component");
            } else if deploy(arguments, &binary, &file, saved)? {
                live = content;
            }
        }
        step::announce("Waiting for a change…");
        let go_on = || match &mut host {
            _ if stopped.load(Ordering::Relaxed) => Ok(false),
            Some(host) => match host.poll()? {
                None => Ok(true),
                Some(status) => bail!("the host has ended ({status})"),
            },
            None => Ok(true),
        };
        match sources.changed(go_on)? {
            Some(change) => saved = change,
            None => return Ok(()),
        }
    }
}

/// The component's file; none where it does not build.
fn build(workspace: &Workspace) -> Option<std::path::PathBuf> {
    match component::build(workspace, IN_WORK) {
        Ok(file) => Some(file),
        Err(error) => {
            step::announce(&format!("Not built, so the running logic stays: {error:#}"));
            None
        }
    }
}

/// Starts the local host and waits until it is ready. Dropping it drains it; Ctrl-C reaches it directly,
/// too, and ends it at once.
fn start(
    workspace: &Workspace,
    arguments: &Arguments,
    binary: &Path,
    file: &Path,
) -> Result<Process> {
    let data = workspace.root.join("data");
    fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    step::announce("Starting a local host; Ctrl-C stops it…");
    let mut command = Command::new(binary);
    command
        .arg("serve")
        .args(["--addr", &arguments.addr.to_string()])
        .args(["--admin-addr", &arguments.admin_addr.to_string()])
        .args(["--database", "sqlite:data/dev.db"])
        // Who writes logic wants to see it fail, not to see it go.
        .args(["--probation", "0s"])
        // Nobody balances load over it.
        .args(["--drain-delay", "0s"])
        .arg("--component")
        .arg(file)
        .current_dir(&workspace.root)
        .stdin(Stdio::null());
    let mut host = Process::start(&mut command)?.draining();
    let ready = || client::is_ready(arguments.admin_addr);
    host.wait_until(START, ready).context("the host")?;
    Ok(host)
}

/// Deploys a component and says how long ago it was saved. False: the host refused it.
fn deploy(arguments: &Arguments, binary: &Path, file: &Path, saved: SystemTime) -> Result<bool> {
    step::announce("Deploying…");
    let status = Command::new(binary)
        .arg("deploy")
        .arg(file)
        .args([
            "--to",
            &to(arguments),
            "--allow-breaking",
            "--retry-refused",
        ])
        .status()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    if status.success() {
        let took = saved.elapsed().unwrap_or(Duration::ZERO);
        step::announce(&format!(
            "Live, {:.1} s after the change was saved",
            took.as_secs_f64()
        ));
    } else {
        step::announce("Not deployed, so the running logic stays");
    }
    Ok(status.success())
}

fn to(arguments: &Arguments) -> String {
    match &arguments.to {
        Some(url) => url.clone(),
        None => format!("http://{}", arguments.admin_addr),
    }
}
