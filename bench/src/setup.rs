//! What servers are started from, and how: each by a command that the report shows.

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

/// The core that the server runs on while it is loaded; the load generator has another.
pub const CORE: &str = "0";
/// Requests that are held at a time where memory is read under load.
pub const CROWD: u32 = 500;

/// What servers are started from.
pub struct Setup {
    /// The host's binary.
    pub host: PathBuf,
    /// The twin's binary.
    pub twin: PathBuf,
    /// The component that the host runs.
    pub component: PathBuf,
    /// Where all data goes: `target/bench`.
    pub folder: PathBuf,
    /// The databases.
    pub stores: Stores,
    /// The other servers, as far as they can be had.
    pub peers: Peers,
    /// The programs that are no part of the repository, as far as they can be had.
    pub tools: Tools,
}

/// What differs between one start and another.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Which database.
    pub engine: Engine,
    /// The seeded database of so many tasks. None: an empty one.
    pub seed: Option<usize>,
    /// What it runs in.
    pub within: Within<'a>,
    /// Where the host keeps compiled code.
    pub cache: &'a Path,
}

/// What a server runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within<'a> {
    /// All of the machine.
    Nothing,
    /// All of the machine, with room for [`CROWD`] requests that run at a time.
    Crowd,
    /// One worker on a core of its own, as under load.
    Core,
    /// One worker under callgrind, which writes there.
    Callgrind(&'a Path),
}

impl Setup {
    /// Builds the component and opens the databases. The binaries' folder has the host and, if it is
    /// measured, the twin. Peers and tools are added by who measures them.
    ///
    /// # Errors
    /// If the component does not build, or PostgreSQL is asked for and does not start.
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

    /// Whether a server can be had over that database.
    pub fn has(&self, kind: Kind, engine: Engine) -> bool {
        match kind {
            Kind::Host | Kind::HostWithoutSync => true,
            // Its logic is synchronous, and so are statements on SQLite alone.
            Kind::Twin => engine == Engine::Sqlite,
            Kind::FastApi | Kind::Flask => self.peers.frameworks.is_some(),
            Kind::WasmtimeServe => engine == Engine::Sqlite && self.tools.wasmtime.is_some(),
        }
    }

    /// Starts a server on fresh data and waits until it is ready. One at a time: a next one
    /// takes the data of the last.
    ///
    /// # Errors
    /// Where it ends or does not become ready. It is gone then.
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
        // A developer's own settings must not decide what is measured.
        testkit::without_settings(&mut command);
        let mut server = Server::start(&mut command, api, admin)
            .with_context(|| format!("see {}.log in {}", kind.name(), self.folder.display()))?;
        server.ends_by_signal = !kind.is_own();
        Ok(server)
    }

    /// How a server is started under load, for people: files without their folders.
    ///
    /// # Errors
    /// Where it cannot be had.
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
            (Kind::FastApi | Kind::Flask, None) => bail!("{} cannot be had", kind.in_words()),
            (Kind::WasmtimeServe, _) => {
                let wasmtime = self.tools.wasmtime.as_ref();
                let wasmtime = wasmtime.context("wasmtime cannot be had")?;
                return Ok(self.peers.wasmtime_serve(wasmtime, api));
            }
            (Kind::Twin, _) => Command::new(&self.twin),
            (Kind::Host | Kind::HostWithoutSync, _) => {
                let mut host = Command::new(&self.host);
                host.arg("serve");
                host.arg("--component").arg(&self.component);
                host.arg("--cache-dir").arg(options.cache);
                host
            }
        };
        if kind == Kind::HostWithoutSync {
            command.arg("--unsafe-no-sync");
        }
        command.args(options.within.flags());
        command
            .args(["--addr", &api.to_string()])
            .args(["--admin-addr", &admin.to_string()])
            .args(["--database", database]);
        Ok(command)
    }
}

impl Within<'_> {
    /// The flags of this project's servers in it.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Within::Nothing => &[],
            // Each of 500 at a time takes its time.
            Within::Crowd => &["--max-concurrency", "500", "--request-timeout", "30s"],
            Within::Core => &["--workers", "1"],
            // Valgrind leaves 64 GiB of address space to reserve.
            Within::Callgrind(_) => &[
                "--workers",
                "1",
                "--max-concurrency",
                "1",
                "--spare-instances",
                "2",
            ],
        }
    }

    /// A command that runs another in it.
    fn around(self, program: &Command) -> Command {
        let around: &[&str] = match self {
            Within::Nothing | Within::Crowd => &[],
            Within::Core => &["taskset", "-c", CORE],
            // Its compiler, too: it must see the processor that valgrind shows.
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
