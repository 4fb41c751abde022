//! One server under measurement: a process that is started, watched and stopped.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::http;

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
    /// `wasmtime serve` with the rules as a `wasi:http` component. It has no database.
    WasmtimeServe,
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
            Kind::WasmtimeServe => "wasmtime-serve",
        }
    }

    /// Its name for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "host, syncs off",
            Kind::Twin => "native twin",
            Kind::FastApi => "FastAPI",
            Kind::Flask => "Flask",
            Kind::WasmtimeServe => "wasmtime serve",
        }
    }

    /// What the host is compared with, as the JSON names it.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "without_sync",
            Kind::Twin => "native",
            Kind::FastApi => "fastapi",
            Kind::Flask => "flask",
            Kind::WasmtimeServe => "wasmtime_serve",
        }
    }

    /// Whether it is this project's server, the twin included.
    pub fn is_own(self) -> bool {
        matches!(self, Kind::Host | Kind::HostWithoutSync | Kind::Twin)
    }
}

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    /// Whether it may end with the signal that asks it to.
    pub ends_by_signal: bool,
    /// Where the API is served.
    pub api: SocketAddr,
    /// Where operators are served.
    pub operators: SocketAddr,
    /// From its start to its first readiness.
    pub ready_after: Duration,
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
        self.memory("VmRSS:")
    }

    /// The most resident memory that there was since the start, in bytes.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn most_resident_bytes(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kib.context("/proc does not tell the memory")? * 1024)
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
