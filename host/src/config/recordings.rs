//! Flags: which requests are recorded, so that `task-host replay` can run them again.

use std::time::Duration;

use humantime::parse_duration;

use request::recordings::{Recordings, Settings};
use server::ByteSize;

/// Which requests are recorded
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Recordings")]
pub struct Args {
    /// Memory for recordings of requests that failed with 5xx in the logic: arguments, statements with
    /// results, log lines and the answer, for `task-host replay`. One recording takes at most a quarter.
    /// 0 keeps none.
    #[arg(long, env = "TASK_HOST_RECORDINGS", default_value = "16MiB")]
    recordings: ByteSize,

    /// Record no requests.
    #[arg(long, env = "TASK_HOST_NO_RECORDINGS")]
    no_recordings: bool,

    /// Keep also recordings of requests that took at least this long, such as 200ms, whatever they were
    /// answered.
    #[arg(long, env = "TASK_HOST_RECORD_SLOW", value_name = "DURATION", value_parser = parse_duration)]
    record_slow: Option<Duration>,

    /// Members whose texts are replaced by as many `x` when a recording is handed out, such as
    /// title,owner.email: in bodies, parameters and columns of these names, and wherever else the same
    /// texts occur. `*` replaces every text.
    #[arg(long, env = "TASK_HOST_RECORD_MASK", value_name = "MEMBERS", value_delimiter = ',',
        value_parser = member)]
    record_mask: Vec<String>,
}

impl Args {
    /// Returns a store of recordings for calls with these limits. `None`: nothing is recorded.
    pub(crate) fn store(&self, limits: runtime::Limits) -> Option<Recordings> {
        if self.no_recordings {
            return None;
        }
        Recordings::new(Settings {
            bytes: self.recordings.0,
            slow: self.record_slow,
            mask: self.record_mask.clone(),
            limits,
        })
    }
}

fn member(text: &str) -> Result<String, String> {
    let path = text.trim();
    match path.split('.').any(str::is_empty) {
        true => Err("give members separated by commas, such as title,owner.email".to_owned()),
        false => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn a_member_is_a_name_or_names_joined_by_dots() {
        for path in ["title", "owner.email", "*", " title "] {
            assert_eq!(member(path).as_deref(), Ok(path.trim()));
        }
        for wrong in ["", ".", "owner.", ".email", "a..b"] {
            assert!(member(wrong).is_err(), "{wrong}");
        }
    }
}
