//! Flags: how the logic is replaced.

use std::path::PathBuf;
use std::time::Duration;

use humantime::parse_duration;

use super::compiling;
use crate::failure::Failure;
use deployment::signature::TrustedKeys;
use deployment::{Probation, Retention, Settings};
use runtime::CodeKey;

/// How the logic is replaced
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Deployments")]
pub struct Args {
    /// How long a new revision is watched after the switch, and rolled back if it fails too often;
    /// 0s: not at all
    #[arg(long, env = "TASK_HOST_PROBATION", default_value = "60s", value_parser = parse_duration)]
    probation: Duration,

    /// Requests that a new revision must have answered before it can be rolled back during
    /// probation, and a canary before it can be ended. At the end of probation fewer are enough
    #[arg(long, env = "TASK_HOST_PROBATION_REQUESTS", default_value_t = 20)]
    probation_requests: u64,

    /// The percentage of requests that may fail because of the logic, on top of the previous
    /// revision's percentage. More of them end a deployment only if they are hardly chance: at most one
    /// deployment in a thousand ends without a reason
    #[arg(long, env = "TASK_HOST_PROBATION_FAILURES", default_value = "5", value_parser = percentage)]
    probation_failures: f64,

    /// Earlier revisions that stay compiled in memory, so that a rollback takes milliseconds
    #[arg(long, env = "TASK_HOST_KEEP_REVISIONS", default_value_t = 3)]
    keep_revisions: usize,

    /// Components that the database keeps: this many of the most recently active ones, for a
    /// rollback by digest, and this many of the most recently uploaded ones. Their compiled code is
    /// kept too
    #[arg(long, env = "TASK_HOST_KEEP_COMPONENTS", default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(1..))]
    keep_components: u16,

    /// Deployments and rejected attempts that the history keeps. The last deployment of each
    /// component that was active or rolled back is kept in any case
    #[arg(long, env = "TASK_HOST_KEEP_HISTORY", default_value_t = 1000)]
    keep_history: u32,

    #[command(flatten)]
    pub(crate) compiling: compiling::Args,

    /// A public key that components must be signed with to become active. Repeatable: a signature
    /// by one of the keys is enough. Without any key, components need no signature
    #[arg(
        long,
        env = "TASK_HOST_TRUSTED_KEY",
        value_name = "FILE",
        value_delimiter = ','
    )]
    trusted_key: Vec<PathBuf>,

    /// The name of this host among those that share its database; by default the machine's name
    #[arg(long, env = "TASK_HOST_REPLICA_NAME", value_name = "NAME")]
    replica_name: Option<String>,

    /// How long a host that shares its database may answer after it last reached the database, from
    /// 1s to 1m. A switch of the logic waits this long for a host that disappeared
    #[arg(long, env = "TASK_HOST_LEASE", default_value = "5s", value_parser = lease)]
    lease: Duration,

    /// A key of at least 32 bytes, the same on all hosts that share a database. With it, one host
    /// compiles a component and the others load the code from the database. Without it, each host
    /// compiles for itself
    #[arg(long, env = "TASK_HOST_CODE_KEY_FILE", value_name = "FILE")]
    code_key_file: Option<PathBuf>,

    /// For tests of crashes: a deployment stops before this stage or point and never continues
    #[arg(long, env = "TASK_HOST_PAUSE_BEFORE", hide = true)]
    pause_before: Option<String>,
}

impl Args {
    pub(crate) fn trusted_keys(&self) -> Result<TrustedKeys, Failure> {
        TrustedKeys::load(&self.trusted_key)
            .map_err(|error| Failure::setting("--trusted-key", error))
    }

    /// Reads the key that seals compiled code shared by hosts.
    pub(crate) fn code_key(&self) -> Result<Option<CodeKey>, Failure> {
        let read = |file: &PathBuf| {
            CodeKey::read(file).map_err(|error| {
                let reason = format!("{}: {error:#}", file.display());
                Failure::setting("--code-key-file", reason)
            })
        };
        self.code_key_file.as_ref().map(read).transpose()
    }

    /// Returns the name of this host.
    pub(crate) fn replica_name(&self) -> String {
        let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = self.replica_name.clone().unwrap_or_else(machine);
        name.trim().to_owned()
    }

    /// Returns how long this host may answer without reaching the database.
    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            probation: Probation {
                window: self.probation,
                requests: self.probation_requests,
                allowed: self.probation_failures / 100.0,
            },
            keep: self.keep_revisions,
            retention: Retention {
                components: self.keep_components.into(),
                deployments: self.keep_history,
            },
            pause_before: self.pause_before.clone(),
        }
    }
}

/// Parses the duration of a lease.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = parse_duration(text).map_err(|error| error.to_string())?;
    match (Duration::from_secs(1)..=Duration::from_secs(60)).contains(&lease) {
        true => Ok(lease),
        false => Err("give 1s to 1m: a host sends five heartbeats per lease".to_owned()),
    }
}

/// Parses a percentage: `5` or `5%`, from 0 to 100.
fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let share: f64 = number
        .parse()
        .map_err(|_| "give a percentage, such as 5 or 0.5%")?;
    if (0.0..=100.0).contains(&share) {
        Ok(share)
    } else {
        Err("give a percentage from 0 to 100".to_owned())
    }
}
