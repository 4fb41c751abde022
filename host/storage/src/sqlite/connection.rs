//! One connection to SQLite: how it is opened, and how statements run on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{CachedStatement, OpenFlags, TransactionState};

use super::aside::aside;
use super::checkpoint::{LARGE_PAGES, WAKE_PAGES, Wake};
use super::config::Config;
use super::failure::Stop;
use super::functions;
use super::guard::Guard;
use super::policy::{Mode, Policy};
use super::schema::HOST_MARK;
use super::statement::{Shape, Shapes};
use crate::Value;
use contract::Access;

/// How long SQLite itself waits for a lock. Nobody else takes one while the host runs, except
/// a person with a tool, and checkpoints for a moment.
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// What SQLite may allocate in the whole process, in bytes. Sorts and recursion work in memory,
/// and a statement that piles up rows is stopped here before the system stops the host.
const HEAP_BYTES: u32 = 512 << 20;

/// Opens connections, all alike.
pub(super) struct Opener {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    /// What a connection is for. A reader cannot write, whatever a statement says.
    pub(super) access: Access,
    /// Wakes the checkpoints; none for readers, which never make the log longer.
    pub(super) wake: Option<Wake>,
}

/// One connection, used by one transaction at a time.
pub(super) struct Connection {
    sqlite: rusqlite::Connection,
    /// Shared with the callbacks of `sqlite`, which live as long as it.
    guard: Arc<Guard>,
    shapes: Shapes,
    /// The write-ahead log's length after the last commit here, in pages. Shared with the hook
    /// of `sqlite` that sets it.
    log_pages: Arc<AtomicU32>,
}

impl Opener {
    /// Opens a connection.
    pub(super) fn open(&self) -> rusqlite::Result<Connection> {
        let mut sqlite = open_plain(&self.path, self.access, &self.config)?;
        let modules = sqlite
            .prepare("PRAGMA module_list")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?;
        let log_pages = Arc::new(AtomicU32::new(0));
        if let Some(wake) = self.wake.clone() {
            let log_pages = log_pages.clone();
            // Setting the hook also turns off SQLite's own checkpoints after commits.
            sqlite.wal_hook(Some(move |_: &mut _, pages: i32| {
                let pages = pages.unsigned_abs();
                let before = log_pages.swap(pages, Relaxed);
                if pages / WAKE_PAGES > before / WAKE_PAGES {
                    // Full: it was woken already.
                    let _ = wake.try_send(());
                }
                Ok(())
            }))?;
        }
        functions::replace_slow(&sqlite, self.config.length_bytes)?;
        let guard = Guard::install(&mut sqlite, Policy::new(modules))?;
        sqlite.set_prepared_statement_cache_capacity(self.config.statements);
        Ok(Connection {
            sqlite,
            guard,
            shapes: Shapes::new(self.config.statements),
            log_pages,
        })
    }
}

/// Opens a connection with its settings and limits, and without anyone who watches it.
pub(super) fn open_plain(
    path: &Path,
    access: Access,
    config: &Config,
) -> rusqlite::Result<rusqlite::Connection> {
    // No mutex: a connection is used by one thread at a time. No URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
    let sqlite = rusqlite::Connection::open_with_flags(path, flags)?;
    sqlite.busy_timeout(LOCK_WAIT)?;
    for (switch, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        // "name" is a column and never a text, as in PostgreSQL: a typo is an error.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        sqlite.set_db_config(switch, on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, config.length_bytes),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
        (Limit::SQLITE_LIMIT_COLUMN, 256),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 500),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 32_766),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 32),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        sqlite.set_limit(limit, i32::try_from(value).unwrap_or(i32::MAX))?;
    }
    if access == Access::Write {
        sqlite.query_row("PRAGMA journal_mode = wal", [], |_| Ok(()))?;
    }
    sqlite.execute_batch(&format!(
        "PRAGMA synchronous = normal;
         PRAGMA temp_store = memory;
         PRAGMA cell_size_check = on;
         PRAGMA journal_size_limit = {journal};
         PRAGMA cache_size = -{cache};
         PRAGMA mmap_size = {map};
         PRAGMA hard_heap_limit = {HEAP_BYTES};",
        journal = 64 << 20,
        cache = config.page_cache_bytes / 1024,
        map = config.map_bytes,
    ))?;
    Ok(sqlite)
}

impl Connection {
    /// Runs one statement of the logic: compiles it where that was not done before, binds
    /// `params`, and hands it to `work`. Statements known to be slow run aside.
    pub(super) fn guest<T>(
        &mut self,
        text: &str,
        params: &[Value],
        access: Access,
        work: impl FnOnce(&rusqlite::Connection, &mut CachedStatement<'_>, &Shape) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let text = text.trim();
        if text.starts_with(HOST_MARK) {
            // The statement cache goes by text, and what the host compiled was not judged by
            // the logic's rules.
            return Err(Stop::refused("this comment begins the host's statements"));
        }
        let Self {
            sqlite,
            guard,
            shapes,
            ..
        } = self;
        let known = shapes.get(text);
        let fast = known.as_ref().is_some_and(|shape| shape.is_fast());
        let run = || {
            let begun = Instant::now();
            let mut statement = sqlite
                .prepare_cached(text)
                .map_err(|error| Stop::sort(&error, guard.take_refusal()))?;
            let shape = match known {
                Some(shape) => shape,
                None => shapes.learn(text, &statement)?,
            };
            if access == Access::Read && !shape.readonly {
                return Err(Stop::refused("the route's access is read"));
            }
            shape.bind(&mut statement, params)?;
            let outcome = work(sqlite, &mut statement, &shape);
            shape.note(begun.elapsed());
            // A changed schema compiles a statement again while it runs, which may refuse it.
            outcome.map_err(|stop| guard.take_refusal().map_or(stop, Stop::refused))
        };
        if fast { run() } else { aside(run) }
    }

    /// Runs a text of the logic's migrations.
    pub(super) fn migrate(&mut self, text: &str) -> Result<(), Stop> {
        if text.contains('\0') {
            return Err(Stop::refused("a migration may not contain U+0000"));
        }
        self.guard
            .with(Mode::Migration, || self.sqlite.execute_batch(text))
            .map_err(|error| Stop::sort(&error, self.guard.take_refusal()))
    }

    /// Runs statements of the host's own; each begins with [`HOST_MARK`].
    pub(super) fn host<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Stop> {
        self.guard
            .with(Mode::Host, || work(&self.sqlite))
            .map_err(|error| Stop::sort(&error, self.guard.take_refusal()))
    }

    /// What watches over the connection.
    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Rows changed since the connection was opened.
    pub(super) fn total_changes(&self) -> u64 {
        self.sqlite.total_changes()
    }

    /// Whether a transaction is open. SQLite ends one by itself after some failures.
    pub(super) fn in_transaction(&self) -> bool {
        !self.sqlite.is_autocommit()
    }

    /// Whether the open transaction has taken its snapshot.
    pub(super) fn has_snapshot(&self) -> bool {
        let state = self.sqlite.transaction_state(rusqlite::DEFAULT_NAME);
        !matches!(state, Ok(TransactionState::None))
    }

    /// The connection and the write-ahead log's length in pages, when it has grown so long that a
    /// commit has to shorten it.
    pub(super) fn with_large_log(&self) -> Option<(&rusqlite::Connection, u32)> {
        let pages = self.log_pages.load(Relaxed);
        (pages >= LARGE_PAGES).then_some((&self.sqlite, pages))
    }
}
