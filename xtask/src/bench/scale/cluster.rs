//! A PostgreSQL server of the benchmark's own, with the settings that a server has by itself but
//! for a larger cache, on a socket in a folder that goes with it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, getuid, kill_process};

use crate::postgres::programs;
use crate::step;

/// The user and the group `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;
/// Whom a host logs in as.
const HOST: &str = "host:none";
/// How long the server may take to start.
const START: Duration = Duration::from_secs(30);

/// A running server. Dropping it ends it and removes its data.
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    server: Child,
}

impl Cluster {
    /// Makes a server and starts it.
    ///
    /// # Errors
    /// Where PostgreSQL is missing or does not start.
    pub fn start() -> Result<Self> {
        let programs = programs().context("PostgreSQL is missing (apt install postgresql)")?;
        // A socket's path has to be short.
        let folder = std::env::temp_dir().join(format!("task-host-scale-{}", std::process::id()));
        fs::create_dir(&folder)?;
        if getuid().is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY))?;
        }
        let data = folder.join("data");
        step::read(
            unprivileged(&programs.join("initdb"), &folder)
                .args([
                    "--username=admin",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                ])
                .arg("--pgdata")
                .arg(&data),
        )?;
        let log = fs::File::create(folder.join("log"))?;
        let server = unprivileged(&programs.join("postgres"), &folder)
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-c", "listen_addresses=", "-c", "shared_buffers=1GB"])
            .args(["-c", "max_wal_size=4GB"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let cluster = Self {
            programs,
            folder,
            server,
        };
        let began = Instant::now();
        while cluster.psql("SELECT 1").is_err() {
            ensure!(began.elapsed() < START, "PostgreSQL does not start");
            thread::sleep(Duration::from_millis(50));
        }
        cluster.psql("CREATE ROLE host LOGIN CREATEROLE")?;
        Ok(cluster)
    }

    /// Makes a database for so many tasks, and returns its URL.
    ///
    /// # Errors
    /// Where it is there already.
    pub fn database(&self, tasks: u64) -> Result<String> {
        let name = format!("tasks{tasks}");
        self.psql(&format!("CREATE DATABASE {name} OWNER host"))?;
        Ok(self.url(&name))
    }

    /// Makes a database anew, empty or as a copy of another, and returns its URL.
    ///
    /// # Errors
    /// Where there is no such other, or it is in use.
    pub fn fresh(&self, name: &str, template: Option<&str>) -> Result<String> {
        let template = template.unwrap_or("template1");
        self.psql(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        self.psql(&format!(
            "CREATE DATABASE {name} OWNER host TEMPLATE {template}"
        ))?;
        Ok(self.url(name))
    }

    /// Gives a database another name, in the place of one that had it.
    ///
    /// # Errors
    /// Where it is in use.
    pub fn rename(&self, name: &str, to: &str) -> Result<()> {
        self.psql(&format!("DROP DATABASE IF EXISTS {to}"))?;
        self.psql(&format!("ALTER DATABASE {name} RENAME TO {to}"))?;
        Ok(())
    }

    fn url(&self, name: &str) -> String {
        let socket = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{HOST}@{socket}/{name}")
    }

    fn psql(&self, statement: &str) -> Result<String> {
        step::read(
            Command::new(self.programs.join("psql"))
                .args([
                    "--no-psqlrc",
                    "--quiet",
                    "--username=admin",
                    "--dbname=postgres",
                ])
                .arg("--host")
                .arg(&self.folder)
                .args(["--command", statement]),
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Not waited for yet, so the id is still this child's.
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.server.wait();
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                step::note(&format!("{} stays: {error}", self.folder.display()));
            }
            _ => {}
        }
    }
}

/// The URL by which one who is no host reads the tasks that a host's URL leads to: as one who may
/// read everything, in the schema of the logic.
pub fn for_others(url: &str) -> String {
    let url = url.replacen(HOST, "admin", 1);
    format!("{url}?options=-csearch_path%3Dlogic")
}

fn unprivileged(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
