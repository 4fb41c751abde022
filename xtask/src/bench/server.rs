//! One server under measurement: the host or its twin, over a copy of the seeded database.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::http;
use super::peers::Peers;

/// The core that the server runs on while it is loaded; the load generator has another.
pub const CORE: &str = "0";
/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(180);
/// How long a server may take to drain and go.
const STOP: Duration = Duration::from_secs(30);
/// The unit of CPU time in /proc: Linux gives programs hundredths of a second on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// task-host with the component.
    Host,
    /// task-host that does not wait for the disk.
    HostWithoutSync,
    /// The logic compiled in.
    Twin,
    /// FastAPI under uvicorn, over the same tables. It only reads.
    FastApi,
    /// Flask under gunicorn, the same.
    Flask,
}

impl Kind {
    /// The server's name in a log's file name and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "host-without-sync",
            Kind::Twin => "twin",
            Kind::FastApi => "fastapi",
            Kind::Flask => "flask",
        }
    }

    /// Whether it is another framework's, and not this project's server.
    pub fn is_peer(self) -> bool {
        matches!(self, Kind::FastApi | Kind::Flask)
    }
}

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
    /// The other frameworks; none where they are not compared with, or cannot be had.
    pub peers: Option<Peers>,
}

/// What differs between one start and another.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// A database to copy. None: an empty one.
    pub seed: Option<&'a Path>,
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
    /// One worker on a core of its own, as under load.
    Core,
    /// One worker under callgrind, which writes there.
    Callgrind(&'a Path),
}

impl Within<'_> {
    /// A command that runs another in it.
    fn around(self, program: &Command) -> Command {
        let around: &[&str] = match self {
            Within::Nothing => &[],
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

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    /// Whether it may end with the signal that asks it to.
    ends_by_signal: bool,
    /// Where the API is served.
    pub api: SocketAddr,
    /// Where operators are served.
    pub operators: SocketAddr,
    /// From its start to its first readiness.
    pub ready_after: Duration,
}

impl Setup {
    /// The file that a server's database lies in.
    pub fn database(&self) -> PathBuf {
        self.folder.join("data").join("tasks.sqlite")
    }

    /// Starts a server on fresh data and waits until it is ready. One at a time: a next one
    /// takes the data of the last.
    ///
    /// # Errors
    /// Where it ends or does not become ready. It is gone then.
    pub fn start(&self, kind: Kind, options: Options<'_>) -> Result<Server> {
        let database = self.fresh_database(options.seed)?;
        let log = self.folder.join(kind.name()).with_extension("log");
        let log = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let (api, operators) = free_addresses()?;

        let program = match (&self.peers, kind.is_peer()) {
            (Some(peers), true) => peers.command(kind, api, &database),
            (None, true) => bail!("{} cannot be had", kind.name()),
            (_, false) => self.own(kind, options, [api, operators], &database),
        };
        let mut command = options.within.around(&program);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        // A developer's own settings must not decide what is measured.
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"TASK_HOST_") {
                command.env_remove(name);
            }
        }
        let mut server = Server::spawn(&mut command, api, operators)
            .with_context(|| format!("see {}.log in {}", kind.name(), self.folder.display()))?;
        server.ends_by_signal = kind.is_peer();
        Ok(server)
    }

    fn own(
        &self,
        kind: Kind,
        options: Options<'_>,
        [api, operators]: [SocketAddr; 2],
        database: &Path,
    ) -> Command {
        let mut command = match kind {
            Kind::Twin => Command::new(&self.twin),
            _ => {
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
        if options.within != Within::Nothing {
            command.args(["--workers", "1"]);
        }
        if let Within::Callgrind(_) = options.within {
            // Valgrind leaves 64 GiB of address space to reserve.
            command.args(["--max-concurrency", "1", "--spare-instances", "2"]);
        }
        command
            .args(["--addr", &api.to_string()])
            .args(["--admin-addr", &operators.to_string()])
            .args(["--database", &format!("sqlite:{}", database.display())]);
        command
    }

    fn fresh_database(&self, seed: Option<&Path>) -> Result<PathBuf> {
        let database = self.database();
        let folder = database.parent().context("the database has no folder")?;
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        if let Some(seed) = seed {
            fs::copy(seed, &database)?;
        }
        Ok(database)
    }
}

impl Server {
    /// Starts a command that serves at these addresses, and waits until it is ready.
    ///
    /// # Errors
    /// Where it ends or does not become ready. It is gone then.
    pub fn spawn(command: &mut Command, api: SocketAddr, operators: SocketAddr) -> Result<Server> {
        let began = Instant::now();
        let child = command.spawn().context("cannot start it")?;
        let mut server = Server {
            child,
            ends_by_signal: false,
            api,
            operators,
            ready_after: Duration::ZERO,
        };
        server.wait_until_ready(began)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, began: Instant) -> Result<()> {
        loop {
            if http::get(self.api, "/readyz").is_ok_and(|answer| answer.status == 200) {
                self.ready_after = began.elapsed();
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended before it was ready ({status})");
            }
            ensure!(began.elapsed() < START, "it is not ready after {START:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kib.context("no VmRSS in /proc")? * 1024)
    }

    /// CPU time of all threads since the start, in seconds, to a hundredth; of child processes, too.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let id = self.child.id().to_string();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let mut seconds = 0.0;
        for id in children.split_whitespace().chain([&*id]) {
            let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
            seconds += cpu_seconds(&stat).context("no CPU time in /proc")?;
        }
        Ok(seconds)
    }

    /// Asks the server to drain and go, and waits for it.
    ///
    /// # Errors
    /// Where it takes too long (it is killed then), or does not exit with 0.
    pub fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // Not waited for yet, so the id is still this child's.
        kill_process(pid.context("the server has no process id")?, Signal::TERM)?;
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let well = status.success() || self.ends_by_signal;
                ensure!(well, "the server did not end well: {status}");
                return Ok(());
            }
            ensure!(began.elapsed() < STOP, "the server does not stop");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time in `/proc/PID/stat`: the 14th and 15th field. The second, a name in
/// parentheses, may hold spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// Two addresses that are free now. The servers do not say theirs before they are ready, and
/// readiness is what is timed.
pub fn free_addresses() -> Result<(SocketAddr, SocketAddr)> {
    let (first, second) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    Ok((first.local_addr()?, second.local_addr()?))
}

#[cfg(test)]
mod tests {
    use super::cpu_seconds;

    #[test]
    fn cpu_time_is_user_and_system_time() {
        let stat = "42 (task host) S 1 42 42 0 -1 4194304 0 0 0 0 150 25 0 0 20 0 9 0 1234 0 0";
        assert_eq!(cpu_seconds(stat), Some(1.75));
        assert_eq!(cpu_seconds("42 (x) S 1"), None);
    }
}
