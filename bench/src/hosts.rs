//! Hosts as `--scale` and `--replicas` start them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use testkit::Settings;
use xtask::component;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;
use crate::binaries;
use crate::server::{Server, free_addresses};

/// What hosts are started from.
pub struct Hosts {
    /// The host's binary.
    pub binary: PathBuf,
    /// The task component.
    pub component: PathBuf,
    /// An empty folder for data and logs.
    pub folder: PathBuf,
}

impl Hosts {
    /// Builds the host and the component, and empties the folder of that name in `target/bench`.
    ///
    /// # Errors
    /// If the build fails, or the folder cannot be made.
    pub fn prepare(workspace: &Workspace, arguments: &Arguments, name: &str) -> Result<Self> {
        let component = component::build(workspace, component::TASKS)?;
        let binaries = binaries::folder(workspace, arguments, &["task-host"])?;
        let folder = workspace.target.join("bench").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self {
            binary: binaries.join("task-host"),
            component,
            folder,
        })
    }

    /// Starts a host whose log is `NAME.log`, and waits until it is ready.
    ///
    /// # Errors
    /// If it ends, or does not become ready.
    pub fn start(&self, name: &str, adjust: impl FnOnce(Settings) -> Settings) -> Result<Server> {
        let (api, admin) = free_addresses()?;
        let log = File::create(self.folder.join(name).with_extension("log"))?;
        let settings = Settings::new(&self.binary)?
            .addresses(api, admin)
            .component(&self.component);
        let mut command = adjust(settings).command();
        Server::start(command.stdout(Stdio::null()).stderr(log), api, admin)
            .with_context(|| format!("see {name}.log in {}", self.folder.display()))
    }
}
