//! The database of a test, which takes the place of the host.

use std::time::{SystemTime, UNIX_EPOCH};

use super::sqlite::Sqlite;
use crate::bindings::exports::task_host::platform::service::Migration;
use crate::bindings::task_host::platform::events::Event;
use crate::bindings::task_host::platform::log::Level;
use crate::bindings::task_host::platform::sql::{Cause, Dialect, Failure, Rows, Value};
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::platform::Platform;

/// The environment variable with the URL of a PostgreSQL database, on which the tests then run.
pub const DATABASE: &str = "TASK_HOST_TEST_DATABASE";

/// What the logic is told if it writes in a GET.
pub(super) const READ_ONLY: &str =
    "a GET only reads; use another method for a statement that writes";

/// What an engine does for [`Database`].
pub(super) trait Engine {
    fn dialect(&self) -> Dialect;

    /// Runs a statement, and returns its columns and rows.
    fn query(
        &mut self,
        text: &str,
        params: &[Value],
        read_only: bool,
    ) -> Result<(Vec<String>, Rows), Failure>;

    fn execute(&mut self, text: &str, params: &[Value], read_only: bool) -> Result<u64, Failure>;

    /// Compiles a statement without running it.
    fn prepare(&mut self, text: &str) -> Result<(), String>;

    /// Begins or ends a savepoint.
    fn control(&mut self, statements: &str) -> Result<(), String>;

    /// Runs statements with all rights.
    fn administer(&mut self, statements: &str) -> Result<(), String>;

    /// Returns how many rows were read without an index. 0 if the engine does not count them.
    fn scanned(&self) -> u64;
}

/// A migrated database of its own, with a clock that stands still.
pub struct Database {
    engine: Box<dyn Engine>,
    now: Datetime,
    /// The running operation. Statements outside of an operation are kept.
    operation: Option<Operation>,
    /// The columns of the last statement that returned rows.
    columns: Vec<String>,
    /// The events of operations that succeeded.
    events: Vec<Event>,
    lines: Vec<String>,
}

/// The state of an operation.
struct Operation {
    read_only: bool,
    /// A statement failed, so no other one runs.
    failed: bool,
    events: Vec<Event>,
}

impl Database {
    /// Creates a database and runs the migrations: on SQLite in memory or, if the environment variable
    /// [`DATABASE`] has a URL, on that PostgreSQL database.
    ///
    /// # Panics
    /// If a migration fails. The message names it. If the database cannot be reached.
    pub fn new(migrations: &[Migration]) -> Self {
        match std::env::var(DATABASE) {
            Ok(url) if !url.is_empty() => Self::at(&url, migrations),
            _ => Self::in_memory(migrations),
        }
    }

    /// Creates a database on SQLite in memory, and runs the migrations.
    ///
    /// # Panics
    /// If a migration fails. The message names it.
    pub fn in_memory(migrations: &[Migration]) -> Self {
        Self::on(Sqlite::open(migrations))
    }

    /// Creates the tables in a PostgreSQL database, in a transaction that is rolled back in the end. Nothing of
    /// a test stays, and tests see nothing of each other.
    ///
    /// # Panics
    /// The same as [`Database::new`].
    #[cfg(feature = "postgres")]
    pub fn at(url: &str, migrations: &[Migration]) -> Self {
        Self::on(super::postgres::Postgres::open(url, migrations))
    }

    #[cfg(not(feature = "postgres"))]
    fn at(_: &str, _: &[Migration]) -> Self {
        panic!(
            "{DATABASE} is set, but tests on PostgreSQL need the feature `postgres` of task-host-sdk: add it in \
             [dev-dependencies] of Cargo.toml"
        );
    }

    fn on<E: Engine + 'static>(opened: Result<E, (String, String)>) -> Self {
        let engine = match opened {
            Ok(engine) => engine,
            Err((migration, reason)) => panic!("the migration {migration} fails: {reason}"),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        Self {
            engine: Box::new(engine),
            now: Datetime {
                seconds: now.as_secs(),
                nanoseconds: now.subsec_nanos(),
            },
            operation: None,
            columns: Vec::new(),
            events: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Sets the time.
    pub fn set_now(&mut self, now: Datetime) {
        self.now = now;
    }

    /// Returns the events of the operations that succeeded.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns the lines that were logged.
    pub fn log_lines(&self) -> &[String] {
        &self.lines
    }

    /// Runs statements that no logic may run, such as `drop table`, to make a state that no operation makes.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn administer(&mut self, statements: &str) {
        if let Err(reason) = self.engine.administer(statements) {
            panic!("{reason}\n    {statements}");
        }
    }

    /// Returns how many rows statements have read without an index so far. PostgreSQL does not count them, so it
    /// is 0 there.
    pub fn scanned_rows(&self) -> u64 {
        self.engine.scanned()
    }

    /// Returns the columns of the last statement that returned rows.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Compiles a statement without running it.
    pub(super) fn prepare(&mut self, text: &str) -> Result<(), String> {
        self.engine.prepare(text)
    }

    /// Begins an operation. Returns false if one runs already.
    pub(super) fn begin(&mut self, read_only: bool) -> bool {
        if self.operation.is_some() {
            return false;
        }
        self.control("savepoint task_host_operation");
        self.operation = Some(Operation {
            read_only,
            failed: false,
            events: Vec::new(),
        });
        true
    }

    /// Ends the operation.
    ///
    /// # Panics
    /// If the changes are to be kept, but a statement failed: the host would answer 500.
    pub(super) fn end(&mut self, keep: bool) {
        let Some(operation) = self.operation.take() else {
            return;
        };
        if !keep || operation.failed {
            self.control("rollback to task_host_operation");
        }
        self.control("release task_host_operation");
        if keep {
            assert!(
                !operation.failed,
                "the operation returned a success after a failed statement; the host answers 500"
            );
            self.events.extend(operation.events);
        }
    }

    /// Begins or ends the savepoint of an operation.
    fn control(&mut self, statement: &str) {
        let result = self.engine.control(statement);
        result.expect("savepoints are nested");
    }

    /// Runs a statement unless one failed before.
    fn run<T>(
        &mut self,
        body: impl FnOnce(&mut dyn Engine, bool) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(operation) = &mut self.operation else {
            return body(&mut *self.engine, false);
        };
        if operation.failed {
            return Err(refused(
                "an earlier statement failed, so the transaction cannot continue",
            ));
        }
        let result = body(&mut *self.engine, operation.read_only);
        operation.failed = result.is_err();
        result
    }
}

impl Platform for Database {
    fn dialect(&self) -> Dialect {
        self.engine.dialect()
    }

    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure> {
        let (columns, rows) =
            self.run(|engine, read_only| engine.query(statement, params, read_only))?;
        self.columns = columns;
        Ok(rows)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure> {
        self.run(|engine, read_only| engine.execute(statement, params, read_only))
    }

    fn now(&self) -> Datetime {
        self.now
    }

    fn publish(&mut self, event: &Event) {
        match &mut self.operation {
            Some(operation) if operation.read_only => {
                panic!("a GET publishes no events; the host answers 500")
            }
            Some(operation) => operation.events.push(event.clone()),
            None => self.events.push(event.clone()),
        }
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let mut line = format!("{level} {message}");
        for (name, value) in fields {
            line.push_str(&format!(" {name}={value:?}"));
        }
        // Shown with the output of a test that fails.
        println!("{line}");
        self.lines.push(line);
    }
}

/// A failure that is not about a constraint.
pub(super) fn refused(detail: &str) -> Failure {
    Failure {
        cause: Cause::Other,
        constraint: None,
        detail: detail.to_owned(),
    }
}
