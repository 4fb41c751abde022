//! One connection to SQLite: how it is opened and how statements run on it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{OpenFlags, Statement, TransactionState};

use super::blocking::run_blocking;
use super::checkpoint::{LARGE_PAGES, WAKE_PAGES, Wake};
use super::config::Config;
use super::guard::Guard;
use super::heap::HEAP;
use super::policy::{Mode, Policy};
use super::schema::HOST_MARK;
use super::statement::{CACHED_STATEMENTS, Cache, CacheLimits, Shape};
use super::touched::Touched;
use super::{failure, functions};
use crate::seen::Tables;
use crate::stop::{READ_ONLY, Stop};
use crate::{Value, rules};
use contract::Access;

/// How long SQLite itself waits for a lock. While the host runs, only a person with a tool takes
/// one, and a checkpoint for a moment.
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// The schema's definitions may be as long as this part of the heap, counted as 1/n.
const SCHEMA_PART: u64 = 4096;

/// SQLite's limit for a text. The logic's statements have a lower limit of their own.
const MAX_MIGRATION: u32 = rules::MAX_MIGRATION_LENGTH as u32;

/// Opens connections with the same settings.
pub(super) struct Opener {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    /// What the connections are for. A reader cannot write, no matter what a statement says.
    pub(super) access: Access,
    /// Wakes the checkpoint thread. `None` for readers, which never make the log longer.
    pub(super) wake: Option<Wake>,
    /// The tables of the database, for all connections.
    pub(super) tables: Arc<Tables>,
}

/// One connection, used by one transaction at a time.
pub(super) struct Connection {
    sqlite: rusqlite::Connection,
    /// Shared with the callbacks of `sqlite`, which live as long as `sqlite`.
    guard: Arc<Guard>,
    cache: Cache,
    /// Maximum length of the schema's definitions, in bytes.
    max_schema_bytes: u64,
    /// The length of the write-ahead log after the last commit here, in pages. Shared with the hook
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
                    // If the channel is full, the thread was already woken.
                    let _ = wake.try_send(());
                }
                Ok(())
            }))?;
        }
        functions::replace_slow(&sqlite, self.config.length_bytes)?;
        let guard = Guard::install(&mut sqlite, Policy::new(modules), self.tables.clone())?;
        // A little more than `cache` holds, for the host's own statements.
        sqlite.set_prepared_statement_cache_capacity(CACHED_STATEMENTS + 64);
        let total_bytes = usize::try_from(self.config.memory_bytes / 4).unwrap_or(usize::MAX);
        Ok(Connection {
            sqlite,
            guard,
            cache: Cache::new(CacheLimits {
                total_bytes,
                // The readers and the writer.
                share_bytes: total_bytes / (self.config.readers + 1),
            }),
            max_schema_bytes: self.config.memory_bytes / SCHEMA_PART,
            log_pages,
        })
    }
}

/// Opens a connection with its settings and limits, but without a guard.
pub(super) fn open_plain(
    path: &Path,
    access: Access,
    config: &Config,
) -> rusqlite::Result<rusqlite::Connection> {
    // No mutex, because only one thread at a time uses a connection. No URI: the path is used as
    // it is.
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
        // As in PostgreSQL, "name" is always a column and never a text, so a typo is an error.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        // A plan never depends on the values of parameters. Otherwise SQLite compiles a statement
        // again for each run if it has a parameter whose value could matter, such as a LIMIT.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        sqlite.set_db_config(switch, on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, config.length_bytes),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_MIGRATION),
        (Limit::SQLITE_LIMIT_COLUMN, 256),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 500),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (
            Limit::SQLITE_LIMIT_VARIABLE_NUMBER,
            rules::MAX_PARAMETER.into(),
        ),
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
         PRAGMA hard_heap_limit = {memory};",
        journal = 64 << 20,
        cache = config.page_cache_bytes / 1024,
        map = config.map_bytes,
        memory = config.memory_bytes,
    ))?;
    Ok(sqlite)
}

impl Connection {
    /// Runs one statement of the logic: compiles it unless it is cached, binds `params`, and calls
    /// `work`. If the statement is not known to be fast, all of this runs as blocking work. What a
    /// statement touches that ran to its end is added to `touched`.
    pub(super) fn run_logic<T>(
        &mut self,
        text: &str,
        params: &[Value],
        access: Access,
        touched: &mut Touched,
        work: impl FnOnce(&rusqlite::Connection, &mut Statement<'_>, &Shape) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let text = text.trim();
        rules::length(text)?;
        if text.starts_with(HOST_MARK) {
            // Statements are cached by text, and the policy did not check what the host compiled.
            return Err(Stop::refused(
                "this comment is reserved for the host's statements",
            ));
        }
        let Self {
            sqlite,
            cache,
            guard,
            ..
        } = self;
        // Left by a statement that was refused.
        drop(guard.take_compiled());
        let known = cache.get(text);
        let fast = known.as_ref().is_some_and(|shape| shape.is_fast());
        let begun = Instant::now();
        let run = || {
            let mut statement = sqlite
                .prepare_cached(text)
                .map_err(|error| failure::classify(&error))?;
            let (shape, is_new) = match known {
                Some(shape) => (shape, false),
                None => match Shape::of(text, &statement) {
                    Ok(shape) => (Arc::new(shape), true),
                    Err(stop) => {
                        statement.discard();
                        return Err(stop);
                    }
                },
            };
            let outcome = match access == Access::Read && !shape.readonly {
                true => Err(Stop::refused(READ_ONLY)),
                false => shape
                    .bind(&mut statement, params)
                    .and_then(|()| work(sqlite, &mut statement, &shape)),
            };
            shape.add_run(begun.elapsed());
            // Also a known statement may have been compiled again: after a change of the schema, or
            // because the driver's cache had dropped it.
            if let Some(compiled) = guard.take_compiled() {
                shape.compiled(compiled);
            }
            touched.add(&shape.touched());
            if is_new && !cache.add(text, shape, &statement) {
                statement.discard();
            }
            outcome
        };
        let outcome = match fast {
            true => guard.in_place(begun, run),
            false => run_blocking(run),
        };
        if self.cache.is_full() {
            self.drop_cache();
        }
        // After a change of the schema, SQLite compiles the statement again while it runs, and the
        // policy may refuse it then.
        outcome.map_err(|stop| self.reason(stop))
    }

    /// Returns the plan of one statement of the logic, without running it.
    pub(super) fn explain(&mut self, text: &str) -> Result<String, Stop> {
        let text = text.trim();
        rules::length(text)?;
        let plan = || {
            let mut statement = self.sqlite.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
            let mut steps = statement.raw_query();
            let (mut plan, mut depths) = (String::new(), HashMap::new());
            while let Some(step) = steps.next()? {
                let (id, parent, detail): (i64, i64, String) =
                    (step.get(0)?, step.get(1)?, step.get(3)?);
                let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
                depths.insert(id, depth);
                let gap = if plan.is_empty() { "" } else { "\n" };
                // Writing to a string cannot fail.
                let _ = write!(plan, "{gap}{:1$}{detail}", "", depth * 2);
            }
            Ok(plan)
        };
        let planned = plan();
        // It was noted for a statement that runs.
        drop(self.guard.take_compiled());
        planned.map_err(|error: rusqlite::Error| self.reason(failure::classify(&error)))
    }

    /// Runs the text of one migration of the logic.
    pub(super) fn migrate(&mut self, text: &str) -> Result<(), Stop> {
        if text.contains('\0') {
            return Err(Stop::refused("a migration may not contain U+0000"));
        }
        rules::migration_length(text)?;
        self.guard
            .with(Mode::Migration, || self.sqlite.execute_batch(text))
            .map_err(|error| self.reason(failure::classify(&error)))
    }

    /// Checks the length of the schema's definitions. Each connection keeps all of them in memory,
    /// where they take up to 70 times their length.
    pub(super) fn check_schema_size(&self, bytes: i64) -> Result<(), Stop> {
        if u64::try_from(bytes).is_ok_and(|bytes| bytes <= self.max_schema_bytes) {
            return Ok(());
        }
        let limit = self.max_schema_bytes;
        Err(Stop::refused(format!(
            "all definitions of tables, indexes, views and triggers have {bytes} bytes, more than \
             {limit}; shorten them, or raise --sqlite-memory, of which this is one part in \
             {SCHEMA_PART}"
        )))
    }

    /// Runs statements of the host. Each begins with [`HOST_MARK`].
    pub(super) fn host<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Stop> {
        self.guard
            .with(Mode::Host, || work(&self.sqlite))
            .map_err(|error| self.reason(failure::classify(&error)))
    }

    /// Runs a statement of the host. If there is no memory for it, interrupts the logic's statements
    /// and runs it again.
    pub(super) fn host_with_memory<T>(
        &mut self,
        mut work: impl FnMut(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Stop> {
        match self.host(&mut work) {
            Err(Stop::Memory(_)) => {
                let _claim = HEAP.claim();
                self.release_memory();
                self.host(work)
            }
            outcome => outcome,
        }
    }

    /// Returns why a statement failed: because of the guard, or for the reason that SQLite gave.
    fn reason(&self, stop: Stop) -> Stop {
        let (refusal, ended) = (self.guard.take_refusal(), self.guard.take_ended());
        match (stop, refusal, ended) {
            (Stop::Memory(detail), _, _) => Stop::Memory(detail),
            (_, Some(reason), _) => Stop::refused(reason),
            (_, _, Some(error)) => error.into(),
            (stop, None, None) => stop,
        }
    }

    /// Frees the memory that the connection can do without. Statements that run are not affected.
    pub(super) fn release_memory(&mut self) {
        self.drop_cache();
        if let Err(error) = self.sqlite.release_memory() {
            tracing::warn!(error = %failure::message(&error), "SQLite cannot release memory");
        }
    }

    fn drop_cache(&mut self) {
        self.sqlite.flush_prepared_statement_cache();
        self.cache.clear();
    }

    /// Returns what checks the connection's statements.
    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Returns the number of rows changed since the connection was opened.
    pub(super) fn total_changes(&self) -> u64 {
        self.sqlite.total_changes()
    }

    /// Returns whether a transaction is open. After some failures, SQLite ends it automatically.
    pub(super) fn in_transaction(&self) -> bool {
        !self.sqlite.is_autocommit()
    }

    /// Returns whether the open transaction has taken its snapshot.
    pub(super) fn has_snapshot(&self) -> bool {
        let state = self.sqlite.transaction_state(rusqlite::DEFAULT_NAME);
        !matches!(state, Ok(TransactionState::None))
    }

    /// Returns the connection and the length of the write-ahead log in pages, if the log has grown
    /// so long that a commit has to shorten it.
    pub(super) fn with_large_log(&self) -> Option<(&rusqlite::Connection, u32)> {
        let pages = self.log_pages.load(Relaxed);
        (pages >= LARGE_PAGES).then_some((&self.sqlite, pages))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::super::statement::exhaust;
    use super::*;

    #[test]
    fn a_statement_is_compiled_once_whatever_its_parameters_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.sqlite");
        let opener = Opener {
            config: Config::file(&path),
            path,
            access: Access::Write,
            wake: None,
            tables: Arc::default(),
        };
        let mut connection = opener.open().unwrap();
        let table = "create table t (id integer primary key, name text) strict";
        connection.migrate(table).unwrap();
        let page = "select id from t where id > $1 and name = $2 order by id limit $3 offset $4";
        for number in 0..4 {
            let name = Value::Text(number.to_string());
            let number = || Value::Integer(number);
            let params = [number(), name, number(), number()];
            let mut touched = Touched::default();
            let compiled_again = connection.run_logic(
                page,
                &params,
                Access::Read,
                &mut touched,
                |_, statement, _| {
                    exhaust(statement)?;
                    Ok(statement.get_status(StatementStatus::RePrepare))
                },
            );
            assert_eq!(compiled_again.unwrap(), 0);
        }
    }
}
