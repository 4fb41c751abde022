//! A server that is measured: a process with its addresses, CPU time and memory.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use testkit::{Process, client};

/// Limit for a start.
const START: Duration = Duration::from_secs(180);
/// Limit for a drain.
const STOP: Duration = Duration::from_secs(30);
/// The unit of CPU time in /proc: Linux reports hundredths of a second on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running server. Dropping it kills the process.
pub struct Server {
    process: Process,
    /// Whether SIGTERM may end the process, instead of an exit with status 0.
    pub ends_by_signal: bool,
    /// The address of the API.
    pub api: SocketAddr,
    /// The address of the admin port.
    pub admin: SocketAddr,
    /// The time from the start until it was ready.
    pub ready_after: Duration,
}

impl Server {
    /// Starts a command that serves at these addresses, and waits until it is ready.
    ///
    /// # Errors
    /// If the process ends or does not become ready. It is gone then.
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

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the resident memory in bytes.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn resident_bytes(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// Returns the peak of resident memory since the start, in bytes.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn most_resident_bytes(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kib.context("/proc does not report the memory")? * 1024)
    }

    /// Returns the CPU time since the start in seconds, to a hundredth, of all threads and of child
    /// processes.
    ///
    /// # Errors
    /// If the system does not report it.
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

    /// Sends SIGTERM and waits until the server has drained and ended.
    ///
    /// # Errors
    /// If it takes too long (it is killed then), or exits with another status than 0.
    pub fn stop(mut self) -> Result<()> {
        let status = self.process.terminate(STOP).context("the server")?;
        let well = status.success() || self.ends_by_signal;
        ensure!(well, "the server did not end well: {status}");
        Ok(())
    }
}

/// Returns the sum of user and system time in `/proc/PID/stat`, the fields 14 and 15. The second field, a
/// name in parentheses, may contain spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// Returns two addresses that are free now. A server reports its own addresses only when it is ready, and
/// readiness is timed by polling.
///
/// # Errors
/// If no port is free.
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
