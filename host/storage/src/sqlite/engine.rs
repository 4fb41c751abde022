//! What all transactions of a database share: its connections, its threads and the lock on its
//! file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::watch;

use super::checkpoint::{self, Checkpointer};
use super::condition::Condition;
use super::config::{AtCommit, CommitStep, Config, DiskSync, Durability, LogSync};
use super::connection::{Opener, open_plain};
use super::file::DatabaseFile;
use super::flusher::Flusher;
use super::pool::Pool;
use super::{failure, schema};
use crate::seen::Tables;
use crate::stop::Stop;
use crate::{Error, OpenError, Stats};
use contract::Access;

/// How long the check for damage at the start may take. It reads some hundred MB in that time.
const CHECK_TIME: Duration = Duration::from_secs(2);

/// How often that check looks at the time, in steps of SQLite.
const CHECK_INSTRUCTIONS: i32 = 10_000;

/// Each transaction holds it until it has ended. The fields are dropped in this order: first the
/// connections, then the threads that wait for the connections' end, and the lock on the file last.
pub(super) struct Engine {
    pub(super) readers: Arc<Pool>,
    pub(super) writer: Arc<Pool>,
    pub(super) flusher: Flusher,
    pub(super) condition: Arc<Condition>,
    pub(super) checkpointer: Checkpointer,
    /// Which commit last changed each table. Shared with the connections.
    pub(super) tables: Arc<Tables>,
    /// The id of the last committed event. Wakes the readers of the feed.
    pub(super) last_event: watch::Sender<i64>,
    pub(super) stats: Arc<Stats>,
    /// Statements of the logic that take longer are noted. Zero: none.
    pub(super) slow_statement: Duration,
    /// The last commit when it was last looked which tables need statistics. [`u64::MAX`]: never.
    pub(super) statistics_at: AtomicU64,
    at_commit: Option<AtCommit>,
    pub(super) file: DatabaseFile,
}

impl Engine {
    /// Opens a database. What an earlier process left in the write-ahead log is made durable first.
    pub(super) fn open(config: &Config) -> Result<Self, OpenError> {
        let file = DatabaseFile::claim(config.path.as_deref())?;
        let refused = |error: rusqlite::Error| refused(file.path(), &error);
        let failed = |reason: String| OpenError::Failed {
            path: file.path().display().to_string(),
            reason,
        };
        let stats = Arc::new(Stats::default());
        let (wake, woken) = checkpoint::channel();
        let tables = Arc::new(Tables::default());
        let opener = |access, wake| Opener {
            path: file.path().to_owned(),
            config: config.clone(),
            access,
            wake,
            tables: tables.clone(),
        };

        let mut checkpoints = open_plain(file.path(), Access::Write, config).map_err(refused)?;
        check_pages(&mut checkpoints, file.path())?;
        checkpoints.execute_batch(schema::TABLES).map_err(refused)?;
        let last_event = schema::last_event(&checkpoints).map_err(refused)?;
        file.sync_directory()?;

        let sync = match &config.durability {
            Durability::None => None,
            Durability::Disk => Some(Arc::new(DiskSync) as Arc<dyn LogSync>),
            Durability::With(sync) => Some(sync.clone()),
        };
        let log = match sync {
            None => None,
            Some(sync) => {
                let log = file.open_log()?;
                sync.sync(&log).map_err(|error| {
                    failed(format!("syncing the write-ahead log failed: {error}"))
                })?;
                Some((log, sync))
            }
        };
        let no_thread =
            |error: std::io::Error| failed(format!("a thread cannot be started: {error}"));
        let writer = Pool::open(opener(Access::Write, Some(wake)), 1, stats.clone());
        let readers = Pool::open(
            opener(Access::Read, None),
            config.readers.max(1),
            stats.clone(),
        );
        let condition = Arc::new(Condition::new(file.names()?, stats.clone()));
        let readers = Arc::new(readers.map_err(refused)?);
        let kept = Arc::downgrade(&readers);
        let end_snapshots = move || {
            if let Some(readers) = kept.upgrade() {
                readers.end_snapshots();
            }
        };
        Ok(Self {
            readers,
            writer: Arc::new(writer.map_err(refused)?),
            flusher: Flusher::start(log, condition.clone(), stats.clone()).map_err(no_thread)?,
            condition,
            checkpointer: Checkpointer::start(checkpoints, woken, stats.clone(), end_snapshots)
                .map_err(no_thread)?,
            tables,
            last_event: watch::Sender::new(last_event),
            stats,
            slow_statement: config.slow_statement,
            statistics_at: AtomicU64::new(u64::MAX),
            at_commit: config.at_commit.clone(),
            file,
        })
    }

    /// Called by a commit at each of its steps.
    pub(super) fn at_commit(&self, step: CommitStep) {
        if let Some(hold) = &self.at_commit {
            hold(step);
        }
    }

    /// Closes the connections that are not in use, to free their memory.
    pub(super) fn close_idle(&self) {
        self.readers.close_idle();
        self.writer.close_idle();
    }
}

/// Checks the pages of the database, as many as it can within [`CHECK_TIME`].
fn check_pages(sqlite: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let until = Instant::now() + CHECK_TIME;
    let interrupted = move || Instant::now() >= until;
    let mut check = || {
        sqlite.progress_handler(CHECK_INSTRUCTIONS, Some(interrupted))?;
        let verdict = sqlite.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        sqlite.progress_handler(0, None::<fn() -> bool>)?;
        verdict
    };
    let damaged = |reason: String| OpenError::Damaged {
        path: path.display().to_string(),
        reason,
    };
    let verdict: String = match check() {
        Ok(verdict) => verdict,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::info!(
                "the database is large: only a part of it was checked for damage, which took {} s",
                CHECK_TIME.as_secs()
            );
            return Ok(());
        }
        Err(error) => return Err(refused(path, &error)),
    };
    // The other verdicts are about rows that break a constraint. SQLite does not know all functions
    // here that a constraint may call.
    match verdict.strip_prefix("*** in database main ***\n") {
        Some(reason) => Err(damaged(reason.lines().next().unwrap_or(reason).to_owned())),
        None => Ok(()),
    }
}

fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.display().to_string();
    let reason = failure::message(error);
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, reason },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::ReadOnly { path, reason }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
        _ => OpenError::Failed {
            path,
            reason: match failure::classify(error) {
                Stop::Host(Error::Storage(fault)) => fault.to_string(),
                _ => reason,
            },
        },
    }
}
