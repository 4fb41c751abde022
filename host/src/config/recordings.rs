//! Flags: which requests are recorded, so that `task-host replay` can run them again.

use std::time::Duration;

use humantime::parse_duration;

use crate::failure::Failure;
use request::recordings::{Keeper, Recordings, Settings};
use server::ByteSize;
use storage::Database;

/// Which requests are recorded
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Recordings")]
pub struct Args {
    /// Memory for recordings of requests that failed with 5xx in the logic: arguments, statements with
    /// results, log lines and the answer, for `task-host replay`. One recording takes at most a quarter.
    /// Another quarter, at most 4 MiB, is for samples of requests, with which deployments are rehearsed. 0
    /// keeps none.
    #[arg(long, env = "TASK_HOST_RECORDINGS", default_value = "16MiB")]
    recordings: ByteSize,

    /// Record and sample no requests.
    #[arg(long, env = "TASK_HOST_NO_RECORDINGS")]
    no_recordings: bool,

    /// Keep also recordings of requests that took at least this long, such as 200ms, whatever they were
    /// answered.
    #[arg(long, env = "TASK_HOST_RECORD_SLOW", value_name = "DURATION", value_parser = parse_duration)]
    record_slow: Option<Duration>,

    /// How long recordings are kept beyond the memory, such as 7d: in a file beside a SQLite database, or in
    /// the host's tables of a PostgreSQL database, where all hosts find them. All together take as many bytes
    /// there as --recordings says. Samples of requests, with which deployments are rehearsed, are kept there,
    /// too, in at most 4 MiB. Without it both end with the process.
    #[arg(long, env = "TASK_HOST_RECORDINGS_KEPT", value_name = "DURATION", value_parser = parse_duration,
        conflicts_with = "no_recordings")]
    recordings_kept: Option<Duration>,

    /// Members whose texts are replaced by as many `x` when a recording is handed out or kept, such as
    /// title,owner.email: in bodies, parameters and columns of these names, and wherever else the same
    /// texts occur. `*` replaces every text.
    #[arg(long, env = "TASK_HOST_RECORD_MASK", value_name = "MEMBERS", value_delimiter = ',',
        value_parser = member)]
    record_mask: Vec<String>,
}

impl Args {
    /// Returns a store of recordings for calls with these limits, and what keeps them beyond the memory if
    /// that was asked for. `None`: nothing is recorded.
    pub(crate) fn store(
        &self,
        limits: runtime::Limits,
        database: &dyn Database,
    ) -> Result<Option<(Recordings, Option<Keeper>)>, Failure> {
        if self.no_recordings {
            return Ok(None);
        }
        let recordings = Recordings::new(Settings {
            bytes: self.recordings.0,
            slow: self.record_slow,
            mask: self.record_mask.clone(),
            limits,
        });
        let wrong = |reason| Err(Failure::setting("--recordings-kept", reason));
        match (recordings, self.recordings_kept) {
            (None, Some(_)) => wrong("--recordings 0 records nothing that could be kept"),
            (None, None) => Ok(None),
            (Some(recordings), None) => Ok(Some((recordings, None))),
            (Some(mut recordings), Some(age)) => match database.open_recordings() {
                Ok(Some(store)) => {
                    let keeper = recordings.keep_in(store, age);
                    Ok(Some((recordings, Some(keeper))))
                }
                Ok(None) => wrong(
                    "the database sqlite::memory: keeps nothing; give a --database that outlives \
                     the process",
                ),
                // The service is worth more than its recordings.
                Err(error) => {
                    tracing::error!(
                        "recordings are only in memory (--recordings-kept): {error}; move that \
                         file away if it is damaged"
                    );
                    Ok(Some((recordings, None)))
                }
            },
        }
    }

    /// Returns the memory that recordings and samples may take, in bytes. If they are stored, this includes a
    /// quarter for recordings that wait, and a quarter for the samples as documents.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let bytes = match self.no_recordings {
            true => 0,
            false => self.recordings.0 as u64,
        };
        let waiting = match self.recordings_kept {
            Some(_) => bytes / 2,
            None => 0,
        };
        bytes + waiting
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
    use clap::Parser as _;

    use super::{Args, member};

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        recordings: Args,
    }

    fn memory_bytes(flags: &[&str]) -> u64 {
        let line = [&["task-host"], flags].concat();
        Command::parse_from(line).recordings.memory_bytes()
    }

    #[test]
    fn recordings_take_memory_while_they_are_on_and_while_they_wait_to_be_stored() {
        assert_eq!(memory_bytes(&[]), 16 << 20);
        assert_eq!(memory_bytes(&["--recordings", "64MiB"]), 64 << 20);
        assert_eq!(memory_bytes(&["--recordings-kept", "7d"]), 24 << 20);
        assert_eq!(memory_bytes(&["--no-recordings"]), 0);
        assert_eq!(memory_bytes(&["--recordings", "0"]), 0);
        let both = ["task-host", "--no-recordings", "--recordings-kept", "7d"];
        assert!(Command::try_parse_from(both).is_err());
    }

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
