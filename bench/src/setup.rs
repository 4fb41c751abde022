//! What servers are started from, and the command that starts each of them. The report shows the
//! commands.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use xtask::component;
use xtask::workspace::Workspace;

use crate::kind::Kind;
use crate::peers::Peers;
use crate::server::{Server, free_addresses};
use crate::store::{Engine, Stores};
use crate::tools::Tools;

/// The core that the server runs on under load. The load generator has another one.
pub const CORE: &str = "0";
/// Number of concurrent requests when memory is measured under load.
pub const CROWD: u32 = 500;

/// What servers are started from.
pub struct Setup {
    /// The host's binary.
    pub host: PathBuf,
    /// The twin's binary.
    pub twin: PathBuf,
    /// The component that the host runs.
    pub component: PathBuf,
    /// The folder of all data: `target/bench`.
    pub folder: PathBuf,
    /// The databases.
    pub stores: Stores,
    /// The other servers, as far as they are installed.
    pub peers: Peers,
    /// The programs from the package registry, as far as they are installed.
    pub tools: Tools,
}

/// The options of one start.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The database.
    pub engine: Engine,
    /// The number of tasks in the seeded database. `None` for an empty one.
    pub seed: Option<usize>,
    /// Whether the host keeps no answers.
    pub cold: bool,
    /// What the server runs in.
    pub within: Within<'a>,
    /// The host's folder of compiled code.
    pub cache: &'a Path,
}

/// What a server runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within<'a> {
    /// All of the machine.
    Nothing,
    /// All of the machine, with room for [`CROWD`] concurrent requests.
    Crowd,
    /// One worker on a core of its own.
    Core,
    /// One worker under callgrind, which writes to files of this name.
    Callgrind(&'a Path),
}

impl Setup {
    /// Builds the component and opens the databases. The folder of binaries has the host and, if it is
    /// measured, the twin. Peers and tools are missing until the caller adds them.
    ///
    /// # Errors
    /// If the component does not build, or PostgreSQL is needed and does not start.
    pub fn prepare(workspace: &Workspace, binaries: &Path, engines: &[Engine]) -> Result<Self> {
        let component = component::build(workspace, component::TASKS)?;
        let folder = workspace.target.join("bench");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Setup {
            twin: binaries.join("twin"),
            host: binaries.join("task-host"),
            component,
            stores: Stores::open(folder.clone(), engines)?,
            folder,
            peers: Peers::none(),
            tools: Tools::default(),
        })
    }

    /// Whether a server is installed and supports the database.
    pub fn has(&self, kind: Kind, engine: Engine) -> bool {
        match kind {
            Kind::Host | Kind::HostWithoutSync | Kind::HostWithoutRecordings => true,
            // Its logic is synchronous, and only SQLite has synchronous statements.
            Kind::Twin => engine == Engine::Sqlite,
            Kind::FastApi | Kind::Flask => self.peers.frameworks.is_some(),
            Kind::WasmtimeServe => engine == Engine::Sqlite && self.tools.wasmtime.is_some(),
        }
    }

    /// Starts a server on fresh data and waits until it is ready. Only one server may run at a time: the
    /// next start replaces its data.
    ///
    /// # Errors
    /// If it ends or does not become ready. It is gone then.
    pub fn start(&self, kind: Kind, options: Options<'_>) -> Result<Server> {
        let database = self.stores.fresh(options.engine, options.seed)?;
        let log = self.folder.join(kind.name()).with_extension("log");
        let log = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let (api, admin) = free_addresses()?;
        let program = self.command(kind, options, [api, admin], &database)?;
        let mut command = options.within.around(&program);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        // The developer's own settings must not change what is measured.
        testkit::without_settings(&mut command);
        let mut server = Server::start(&mut command, api, admin)
            .with_context(|| format!("see {}.log in {}", kind.name(), self.folder.display()))?;
        server.ends_by_signal = !kind.is_own();
        Ok(server)
    }

    /// Returns the command of a server as the report shows it: files without their folders.
    ///
    /// # Errors
    /// If the server is not installed.
    pub fn shown(&self, kind: Kind, options: Options<'_>) -> Result<String> {
        let addresses = [8000, 9000].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let command = self.command(kind, options, addresses, "DATABASE")?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words
            .map(|word| match Path::new(word).is_absolute() {
                true => Path::new(word).file_name().unwrap_or(word),
                false => word,
            })
            .map(OsStr::to_string_lossy)
            .collect();
        Ok(words.join(" "))
    }

    fn command(
        &self,
        kind: Kind,
        options: Options<'_>,
        [api, admin]: [SocketAddr; 2],
        database: &str,
    ) -> Result<Command> {
        let mut command = match (kind, &self.peers.frameworks) {
            (Kind::FastApi | Kind::Flask, Some(frameworks)) => {
                return Ok(frameworks.command(kind, api, database));
            }
            (Kind::FastApi | Kind::Flask, None) => bail!("{} is not installed", kind.label()),
            (Kind::WasmtimeServe, _) => {
                let wasmtime = self.tools.wasmtime.as_ref();
                let wasmtime = wasmtime.context("wasmtime is not installed")?;
                return Ok(self.peers.wasmtime_serve(wasmtime, api));
            }
            (Kind::Twin, _) => Command::new(&self.twin),
            (Kind::Host | Kind::HostWithoutSync | Kind::HostWithoutRecordings, _) => {
                let mut host = Command::new(&self.host);
                host.arg("serve");
                host.arg("--component").arg(&self.component);
                host.arg("--cache-dir").arg(options.cache);
                if options.cold {
                    host.args(["--answer-cache", "0"]);
                }
                host
            }
        };
        command.args(match kind {
            Kind::HostWithoutSync => Some("--unsafe-no-sync"),
            Kind::HostWithoutRecordings => Some("--no-recordings"),
            _ => None,
        });
        command.args(options.within.flags());
        command
            .args(["--addr", &api.to_string()])
            .args(["--admin-addr", &admin.to_string()])
            .args(["--database", database]);
        Ok(command)
    }
}

impl Within<'_> {
    /// Returns the flags of host and twin.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Within::Nothing => &[],
            // Each of 500 concurrent requests takes long.
            Within::Crowd => &["--max-concurrency", "500", "--request-timeout", "30s"],
            Within::Core => &["--workers", "1"],
            // Under valgrind only 64 GiB of address space can be reserved. How memory is cleared would depend on the
            // machine: 25 of 278 thousand instructions of a small read. Every run takes so long that each route would
            // count as long, and its reads would go to the background threads.
            Within::Callgrind(_) => &[
                "--clear-memory",
                "exact",
                "--workers",
                "1",
                "--max-concurrency",
                "1",
                "--spare-instances",
                "2",
                "--long-run",
                "1h",
            ],
        }
    }

    /// Returns a command that runs `program` in it.
    fn around(self, program: &Command) -> Command {
        let around: &[&str] = match self {
            Within::Nothing | Within::Crowd => &[],
            Within::Core => &["taskset", "-c", CORE],
            // Child processes, too: the compiler must see the processor that valgrind emulates.
            Within::Callgrind(_) => &[
                "valgrind",
                "--tool=callgrind",
                "--trace-children=yes",
                "--instr-atstart=no",
            ],
        };
        let mut words: Vec<OsString> = around.iter().map(OsString::from).collect();
        if let Within::Callgrind(out) = self {
            words.push(format!("--callgrind-out-file={}.%p", out.display()).into());
        }
        words.push(program.get_program().to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(program.get_args());
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}
