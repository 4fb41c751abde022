//! One server under measurement: a process that is started, watched and stopped.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use testkit::{Process, client};

/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(180);
/// How long a server may take to drain and go.
const STOP: Duration = Duration::from_secs(30);
/// The unit of CPU time in /proc: Linux gives programs hundredths of a second on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running server. Dropping it kills it.
pub struct Server {
    process: Process,
    /// Whether it may end with the signal that asks it to.
    pub ends_by_signal: bool,
    /// Where the API is served.
    pub api: SocketAddr,
    /// Where the admin port is served.
    pub admin: SocketAddr,
    /// From its start to its first readiness.
    pub ready_after: Duration,
}

impl Server {
    /// Starts a command that serves at these addresses, and waits until it is ready.
    ///
    /// # Errors
    /// Where it ends or does not become ready. It is gone then.
    pub fn start(command: &mut Command, api: SocketAddr, admin: SocketAddr) -> Result<Server> {
        let began = Instant::now();
        let mut process = Process::start(command)?;
        process.wait_until(START, || client::is_ready(api))?;
        let ready_after = began.elapsed();
        Ok(Server {
            process,
            ends_by_signal: false,
            api,
            admin,
            ready_after,
        })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process.id()
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
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kib.context("/proc does not tell the memory")? * 1024)
    }

    /// CPU time of all threads since the start, in seconds, to a hundredth; of child processes, too.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let id = self.process.id().to_string();
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
        let status = self.process.terminate(STOP).context("the server")?;
        let well = status.success() || self.ends_by_signal;
        ensure!(well, "the server did not end well: {status}");
        Ok(())
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
