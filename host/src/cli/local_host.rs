//! A host that a command starts for itself: this program as a child process, on the same code path as in
//! production. It ends with the command, even if that is killed.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;

use crate::config::environment;

/// Limit for a drain. After it the process is killed.
const STOP: Duration = Duration::from_secs(10);

/// Where an address in the host's log begins.
const API: &str = "listening on http://";
const ADMIN: &str = ", for operators on http://";

/// A running host. Dropping it kills the process.
pub(super) struct LocalHost {
    child: Child,
    /// Where the API listens.
    pub(super) api: SocketAddr,
    /// Where the admin port listens.
    pub(super) admin: SocketAddr,
}

/// How a host is started.
pub(super) struct Launch<'a> {
    pub(super) component: &'a Path,
    pub(super) database: &'a str,
    /// Where compiled code is kept.
    pub(super) cache: &'a Path,
    pub(super) addresses: [SocketAddr; 2],
    /// Further flags of `serve`.
    pub(super) flags: &'a [&'a OsStr],
    /// Whether the host has the settings of this process's environment.
    pub(super) inherits_settings: bool,
}

impl Launch<'_> {
    /// Starts the host and waits until it serves. `on_line` gets each line of its log.
    ///
    /// # Errors
    /// The host has ended. Its log has the reason.
    pub(super) async fn start(
        &self,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<LocalHost> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        if !self.inherits_settings {
            environment::remove_settings(command.as_std_mut());
        }
        let [api, admin] = self.addresses.map(|address| address.to_string());
        command
            .args(["serve", "--end-with-parent", "--log-format", "text"])
            .args(["--addr", &api, "--admin-addr", &admin])
            // No load balancer needs time to notice.
            .args(["--drain-delay", "0s"])
            // Other users of this machine can see flags, and a URL may have a password.
            .env("TASK_HOST_DATABASE", self.database)
            // They are about another database, and about another component.
            .env_remove("TASK_HOST_DATABASE_DIRECT")
            .env_remove("TASK_HOST_DECLARED_COMPONENT")
            .arg("--component")
            .arg(self.component)
            .arg("--cache-dir")
            .arg(self.cache)
            .args(self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is meant for the command, which then stops the host.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().context("cannot start a host")?;
        let stderr = child.stderr.take().context("the host has no log")?;
        let (listening, addresses) = oneshot::channel();
        let log = tokio::spawn(follow(stderr, listening, on_line));
        let Ok([api, admin]) = addresses.await else {
            let _ = log.await;
            let status = child.wait().await?;
            bail!("the host has ended ({status})");
        };
        Ok(LocalHost { child, api, admin })
    }
}

/// Reads a log to its end and reports the addresses in it.
async fn follow(
    stderr: ChildStderr,
    listening: oneshot::Sender<[SocketAddr; 2]>,
    mut on_line: impl FnMut(&str),
) {
    let mut listening = Some(listening);
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        on_line(&line);
        if let Some(found) = addresses(&line)
            && let Some(listening) = listening.take()
        {
            let _ = listening.send(found);
        }
    }
}

fn addresses(line: &str) -> Option<[SocketAddr; 2]> {
    let (_, after) = line.split_once(API)?;
    let (api, after) = after.split_once(ADMIN)?;
    let admin = after.split([' ', '\u{1b}']).next()?;
    Some([api.parse().ok()?, admin.parse().ok()?])
}

impl LocalHost {
    /// Waits until the process has ended by itself. Cancel-safe.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Stops the host after the requests in flight, and waits until it is gone.
    pub(super) async fn stop(mut self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            // If it has ended already, there is nothing to signal.
            let _ = kill_process(pid, Signal::TERM);
        }
        match tokio::time::timeout(STOP, self.child.wait()).await {
            Ok(ended) => ended.map(drop).context("cannot wait for the host"),
            Err(_) => self.child.kill().await.context("cannot end the host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_those_of_the_log() {
        let plain = "2026-01-31T12:00:00Z  INFO listening on http://127.0.0.1:8000, for operators \
                     on http://[::1]:9000 server.address=127.0.0.1:8000";
        let expected = ["127.0.0.1:8000", "[::1]:9000"].map(|text| text.parse().unwrap());
        assert_eq!(addresses(plain), Some(expected));
        let coloured = plain.replace(" server", "\u{1b}[3mserver");
        assert_eq!(addresses(&coloured), Some(expected));
        assert_eq!(addresses("INFO listening on http://soon"), None);
    }
}
