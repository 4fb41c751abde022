//! The flags of how the logic is replaced.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use humantime::parse_duration;

use super::{Failure, setting};
use deployment::signature::TrustedKeys;
use deployment::{Probation, Retention, Settings};
use runtime::{CodeKey, Compiler};
use server::ByteSize;

/// How the logic is replaced
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Deployments")]
pub(super) struct Args {
    /// How long a new revision is watched before it stays for good; 0s: not at all
    #[arg(long, env = "TASK_HOST_PROBATION", default_value = "60s", value_parser = parse_duration)]
    probation: Duration,

    /// Requests that a new revision must have had before it is rolled back within that time. At
    /// its end any number is enough
    #[arg(long, env = "TASK_HOST_PROBATION_REQUESTS", default_value_t = 20)]
    probation_requests: u64,

    /// The percentage of requests that may fail by the logic's fault, above that of the revision
    /// before
    #[arg(long, env = "TASK_HOST_PROBATION_FAILURES", default_value = "5", value_parser = percentage)]
    probation_failures: f64,

    /// Revisions before the active one that stay compiled in memory, for a rollback within
    /// milliseconds
    #[arg(long, env = "TASK_HOST_KEEP_REVISIONS", default_value_t = 3)]
    keep_revisions: usize,

    /// Components that the database keeps: this many of those that were active last, for a rollback
    /// by digest, and of those uploaded last. Their compiled code is kept with them
    #[arg(long, env = "TASK_HOST_KEEP_COMPONENTS", default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(1..))]
    keep_components: u16,

    /// Deployments and refused attempts that the history keeps, and beyond them the last of each
    /// component that was active or rolled back
    #[arg(long, env = "TASK_HOST_KEEP_HISTORY", default_value_t = 1000)]
    keep_history: u32,

    /// How long the compilation of a component may take
    #[arg(long, env = "TASK_HOST_COMPILE_TIMEOUT", default_value = "2m", value_parser = parse_duration)]
    compile_timeout: Duration,

    /// The address space that the compilation of a component may use: 640MiB or more
    #[arg(long, env = "TASK_HOST_COMPILE_MEMORY", default_value = "4GiB", value_parser = compile_memory)]
    compile_memory: ByteSize,

    /// A public key whose signature a component must have to become active; repeatable, one of
    /// them is enough. Without any, components need no signature
    #[arg(
        long,
        env = "TASK_HOST_TRUSTED_KEY",
        value_name = "FILE",
        value_delimiter = ','
    )]
    trusted_key: Vec<PathBuf>,

    /// What this host is called among those that share its database; the machine's name unless given
    #[arg(long, env = "TASK_HOST_REPLICA_NAME", value_name = "NAME")]
    replica_name: Option<String>,

    /// How long a host that shares its database may answer after it last reached it, from 1s to 1m.
    /// A switch of the logic waits this long for a host that is gone
    #[arg(long, env = "TASK_HOST_LEASE", default_value = "5s", value_parser = lease)]
    lease: Duration,

    /// A key of 32 bytes or more, the same on all hosts that share a database: with it one compiles
    /// a component and the others take the code from the database; without, each compiles for itself
    #[arg(long, env = "TASK_HOST_CODE_KEY_FILE", value_name = "FILE")]
    code_key_file: Option<PathBuf>,

    /// For tests of crashes: a deployment stops for ever before this stage
    /// or point
    #[arg(long, env = "TASK_HOST_PAUSE_BEFORE", hide = true)]
    pause_before: Option<String>,
}

impl Args {
    pub(super) fn trusted_keys(&self) -> Result<TrustedKeys, Failure> {
        TrustedKeys::load(&self.trusted_key).map_err(|error| setting("--trusted-key", error))
    }

    /// What compiles components.
    pub(super) fn compiler(&self) -> anyhow::Result<Compiler> {
        let program = Compiler::of_this_program().context("cannot find this program")?;
        Ok(Compiler {
            timeout: self.compile_timeout,
            memory_bytes: self.compile_memory.0 as u64,
            ..program
        })
    }

    /// The key of the code that hosts share.
    pub(super) fn code_key(&self) -> Result<Option<CodeKey>, Failure> {
        let key = self.code_key_file.as_deref().map(CodeKey::read);
        key.transpose()
            .map_err(|error| setting("--code-key-file", format!("{error:#}")))
    }

    /// What people call this host.
    pub(super) fn replica_name(&self) -> String {
        let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = self.replica_name.clone().unwrap_or_else(machine);
        name.trim().to_owned()
    }

    /// How long this host may answer without the database.
    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    pub(super) fn settings(&self) -> Settings {
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

/// Address space that a compilation can begin with.
fn compile_memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    match size.0 as u64 >= Compiler::LEAST_MEMORY_BYTES {
        true => Ok(size),
        false => Err("give 640MiB or more: with less, hardly a component compiles".to_owned()),
    }
}

/// How long a lease may last.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = parse_duration(text).map_err(|error| error.to_string())?;
    match (Duration::from_secs(1)..=Duration::from_secs(60)).contains(&lease) {
        true => Ok(lease),
        false => Err("give 1s to 1m: a host beats five times in a lease".to_owned()),
    }
}

/// A percentage: `5` or `5%`, from 0 to 100.
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
