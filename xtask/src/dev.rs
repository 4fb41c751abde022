//! `cargo xtask dev`: builds every saved change of the logic and deploys it to a running host.
//!
//! If a build or a deployment fails, the active revision stays. The host is a local one unless `--to`
//! names another. The local host has another database than `cargo xtask run`, because unfinished
//! migrations would break the data there.
//!
//! Changes are reported by the system, so this does not work on a file system without notifications,
//! such as a network share.

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

/// The files and folders of the logic, without its tests.
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

/// The task service, compiled for a fast build and not for a fast run.
const IN_WORK: Component = Component {
    profile: "component-dev",
    file: "dev/tasks.wasm",
    ..component::TASKS
};

/// Arguments of `dev`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Admin port of a host that already runs, such as http://127.0.0.1:9000. The admin token is read from
    /// TASK_HOST_ADMIN_TOKEN.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// API address of the local host.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
    /// Admin address of the local host.
    #[arg(long, default_value = "127.0.0.1:9000")]
    admin_addr: SocketAddr,
}

/// Builds and deploys each change until Ctrl-C or SIGTERM. The local host ends with it.
///
/// # Errors
/// If the host cannot be built or started, or has ended. If a change does not build or is refused, a
/// message says so, and that is not an error.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    run::build_host(workspace)?;
    let binary = workspace.host_binary("release");
    // Not before the host is built: a signal ends Cargo and the compiler directly.
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
                step::announce("The component did not change; nothing to deploy");
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

/// Builds the component and returns its file. `None` if it does not build.
fn build(workspace: &Workspace) -> Option<std::path::PathBuf> {
    match component::build(workspace, IN_WORK) {
        Ok(file) => Some(file),
        Err(error) => {
            step::announce(&format!("Not built, so the running logic stays: {error:#}"));
            None
        }
    }
}

/// Starts the local host and waits until it is ready. Dropping the process drains it. Ctrl-C also reaches
/// it directly.
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
        // A logic author wants to see failures of the new revision, not a rollback.
        .args(["--probation", "0s"])
        // There is no load balancer that needs time to notice.
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

/// Deploys a component and prints how long ago it was saved. Returns false if the host refused it.
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
        step::announce("Not deployed; the active revision stays");
    }
    Ok(status.success())
}

fn to(arguments: &Arguments) -> String {
    match &arguments.to {
        Some(url) => url.clone(),
        None => format!("http://{}", arguments.admin_addr),
    }
}
