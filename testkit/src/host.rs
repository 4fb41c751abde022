//! One running host, and the settings that it is started with.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Answer, Request};
use crate::log::Log;
use crate::process::{Process, Signal, without_settings};
use crate::wait::DEADLINE;

/// Limit for a start: a debug build takes long to compile a component.
const START: Duration = Duration::from_secs(60);
/// Limit for a drain.
const STOP: Duration = Duration::from_secs(60);

/// How `task-host serve` is started: by default on free ports of 127.0.0.1, with a SQLite file in a
/// directory of its own. The directory lives as long as the settings, their clones and their hosts.
#[derive(Debug, Clone)]
pub struct Settings {
    binary: PathBuf,
    directory: Arc<TempDir>,
    /// Further directories that live as long.
    kept: Vec<Arc<TempDir>>,
    addresses: [SocketAddr; 2],
    database: String,
    component: Option<PathBuf>,
    cache: Option<PathBuf>,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    log_file: Option<PathBuf>,
}

impl Settings {
    /// Default settings for a binary. They name no component.
    ///
    /// # Errors
    /// If no temporary directory can be made.
    pub fn new(binary: impl Into<PathBuf>) -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let database = format!("sqlite:{}", directory.path().join("data.sqlite").display());
        Ok(Self {
            binary: binary.into(),
            directory: Arc::new(directory),
            kept: Vec::new(),
            addresses: [SocketAddr::from(([127, 0, 0, 1], 0)); 2],
            database,
            component: None,
            cache: None,
            flags: Vec::new(),
            environment: Vec::new(),
            log_file: None,
        })
    }

    /// Sets the addresses of the API and of the admin port.
    #[must_use]
    pub fn addresses(mut self, api: SocketAddr, admin: SocketAddr) -> Self {
        self.addresses = [api, admin];
        self
    }

    /// Sets the database's URL.
    #[must_use]
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = url.into();
        self
    }

    /// Sets the component's file.
    #[must_use]
    pub fn component(mut self, file: impl Into<PathBuf>) -> Self {
        self.component = Some(file.into());
        self
    }

    /// Starts without a component.
    #[must_use]
    pub fn without_component(mut self) -> Self {
        self.component = None;
        self
    }

    /// Sets the directory of compiled code.
    #[must_use]
    pub fn cache(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cache = Some(directory.into());
        self
    }

    /// Uses the other settings' directory of compiled code.
    #[must_use]
    pub fn cache_of(mut self, other: &Self) -> Self {
        self.cache.clone_from(&other.cache);
        self
    }

    /// Adds a flag with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl Into<String>) -> Self {
        self.flags.extend([name.to_owned(), value.into()]);
        self
    }

    /// Sets an environment variable of the process.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Copies the log of each host to a file, which replaces the file's content.
    #[must_use]
    pub fn log_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.log_file = Some(file.into());
        self
    }

    /// Keeps another directory as long as the host's own.
    #[must_use]
    pub fn keep(mut self, directory: TempDir) -> Self {
        self.kept.push(Arc::new(directory));
        self
    }

    /// Returns the host's own directory, in which it runs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the component's file, or `None` if there is no component.
    pub fn component_file(&self) -> Option<&Path> {
        self.component.as_deref()
    }

    /// Returns the command that starts the host. Its environment has only the settings' variables of
    /// the host.
    pub fn command(&self) -> Command {
        let [api, admin] = self.addresses.map(|address| address.to_string());
        let mut command = Command::new(&self.binary);
        without_settings(&mut command)
            .args(["serve", "--addr", &api, "--admin-addr", &admin])
            .args(["--log-format", "json", "--database", &self.database]);
        for (flag, path) in [
            ("--component", &self.component),
            ("--cache-dir", &self.cache),
        ] {
            if let Some(path) = path {
                command.arg(flag).arg(path);
            }
        }
        command
            .args(&self.flags)
            .envs(self.environment.iter().cloned())
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }
}

/// One running host. Dropping it kills the process; in a test that panics the drop also prints the
/// last lines of the log.
pub struct Host {
    process: Process,
    /// Where the API listens.
    pub address: SocketAddr,
    /// Where the admin port listens.
    pub admin_address: SocketAddr,
    /// What the host has written to standard error so far.
    pub log: Log,
    /// The settings' directories: the database must outlive the process.
    _directories: Vec<Arc<TempDir>>,
}

impl Host {
    /// Starts a host and waits until it serves. The addresses come from its log.
    ///
    /// # Errors
    /// If the process ends, or does not serve within a minute. It is gone then.
    pub fn start(settings: &Settings) -> Result<Self> {
        let log_file = settings.log_file.as_ref().map(|path| {
            File::create(path).with_context(|| format!("cannot write {}", path.display()))
        });
        let mut directories = settings.kept.clone();
        directories.push(settings.directory.clone());
        Self::spawn(&mut settings.command(), log_file.transpose()?, directories)
    }

    fn spawn(
        command: &mut Command,
        log_file: Option<File>,
        directories: Vec<Arc<TempDir>>,
    ) -> Result<Self> {
        let mut process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = process.stderr().context("standard error is not piped")?;
        let log = Log::follow(stderr, log_file);
        let Some(ready) = log.find_within(START, |line| addresses_in(line).is_some()) else {
            // The log ends with the process, and its status follows at once.
            let why = match process.wait(Duration::from_secs(1)) {
                Ok(status) => format!("the host ended before it served ({status})"),
                Err(_) => format!("the host does not serve after {START:?}"),
            };
            bail!("{why}:\n{}", log.tail(40));
        };
        let [address, admin_address] = addresses_in(&ready).context("no addresses in the log")?;
        Ok(Self {
            process,
            address,
            admin_address,
            log,
            _directories: directories,
        })
    }

    /// Sends SIGTERM and waits until the host has drained and ended.
    ///
    /// # Errors
    /// If the host still runs after a minute (it is killed then), or exits with another status than 0.
    pub fn stop(mut self) -> Result<()> {
        let status = self.process.terminate(STOP).context("the host")?;
        self.log.wait_until_closed();
        ensure!(
            status.success(),
            "the host did not end well after SIGTERM: {status}"
        );
        Ok(())
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Begins a request to the API.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    /// Begins a request to the admin port.
    pub fn admin(&self, method: &str, target: &str) -> Request {
        Request::new(self.admin_address, method, target)
    }

    /// Sends a GET request to the API. Panics without an answer, as do the next four.
    pub fn get(&self, target: &str) -> Answer {
        self.request("GET", target).send()
    }

    /// Sends a POST request with a JSON body.
    pub fn post(&self, target: &str, body: &Value) -> Answer {
        self.request("POST", target).json(body).send()
    }

    /// Sends a PUT request with a JSON body.
    pub fn put(&self, target: &str, body: &Value) -> Answer {
        self.request("PUT", target).json(body).send()
    }

    /// Sends a PATCH request with a JSON merge patch.
    pub fn patch(&self, target: &str, body: &Value) -> Answer {
        self.request("PATCH", target)
            .body("application/merge-patch+json", body.to_string())
            .send()
    }

    /// Sends a DELETE request.
    pub fn delete(&self, target: &str) -> Answer {
        self.request("DELETE", target).send()
    }

    /// Sends SIGTERM, which asks the host to drain and end.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Stops the process from running, with everything that it holds, until [`Host::resume`].
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets a paused process run again.
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Kills the process at once, as a failure of the machine would.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Waits until the process ends.
    ///
    /// # Panics
    /// If it still runs after [`DEADLINE`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait(DEADLINE).expect("the host ends")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.process.kill();
        if thread::panicking() {
            eprintln!("--- the host's last lines ---\n{}", self.log.tail(40));
        }
    }
}

/// The addresses of the API and of the admin port in a log line, with their ports.
fn addresses_in(line: &Value) -> Option<[SocketAddr; 2]> {
    let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
    Some([address("server.address")?, address("admin.address")?])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    const READY: &str =
        r#"echo '{"server.address":"127.0.0.1:4711","admin.address":"127.0.0.1:4712"}' >&2"#;

    fn host(script: &str) -> (TempDir, Result<Host>) {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        (folder, Host::spawn(&mut command, Some(file), Vec::new()))
    }

    #[test]
    fn other_lines_have_no_addresses() {
        assert_eq!(addresses_in(&json!({"message": "starting"})), None);
        assert_eq!(addresses_in(&json!({"server.address": "somewhere"})), None);
        assert_eq!(addresses_in(&json!("thread 'main' panicked")), None);
    }

    #[test]
    fn a_host_that_exits_with_zero_after_sigterm_ended_well() {
        let (folder, host) = host(&format!(
            "trap 'echo drained >&2; exit 0' TERM\n{READY}\nwhile :; do sleep 0.01; done"
        ));
        let host = host.unwrap();
        assert_eq!(host.address, ([127, 0, 0, 1], 4711).into());
        assert_eq!(host.admin_address, ([127, 0, 0, 1], 4712).into());
        host.stop().unwrap();
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(log.ends_with("drained\n"), "{log}");
    }

    #[test]
    fn a_host_that_sigterm_kills_did_not_end_well() {
        let (_folder, host) = host(&format!("{READY}; exec sleep 600"));
        let error = host.unwrap().stop().unwrap_err();
        assert!(error.to_string().contains("signal: 15"), "{error}");
    }

    #[test]
    fn a_host_that_ends_at_once_is_not_waited_for() {
        let (folder, host) = host("echo 'no such file' >&2; exit 1");
        let error = host.err().unwrap().to_string();
        let said = "the host ended before it served (exit status: 1):\nno such file";
        assert_eq!(error, said);
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log, "no such file\n");
    }

    #[test]
    fn a_host_gets_its_settings_and_none_of_the_shells() {
        let settings = Settings::new("task-host").unwrap();
        let settings = settings.component("a.wasm").flag("--replicas", "2");
        let command = settings.command();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let line = words.join(" ");
        assert!(line.starts_with("serve --addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 "));
        assert!(line.ends_with(" --component a.wasm --replicas 2"), "{line}");
    }
}
