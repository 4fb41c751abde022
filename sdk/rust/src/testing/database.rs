//! A database in memory, which takes the place of the host.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql, ffi};

use crate::bindings::exports::task_host::platform::service::Migration;
use crate::bindings::task_host::platform::events::Event;
use crate::bindings::task_host::platform::log::Level;
use crate::bindings::task_host::platform::sql::{Cause, Cell, Dialect, Failure, Rows, Span, Value};
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::platform::Platform;

/// A migrated database of its own, with a clock that stands still.
pub struct Database {
    connection: Connection,
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
    /// Creates a database and runs the migrations.
    ///
    /// # Panics
    /// If a migration fails. The message names it.
    pub fn new(migrations: &[Migration]) -> Self {
        let mut connection = Connection::open_in_memory().expect("SQLite has memory");
        connection
            .execute_batch("pragma foreign_keys = on")
            .expect("SQLite has foreign keys");
        for migration in migrations {
            if let Err(error) = connection.execute_batch(&migration.sqlite) {
                panic!(
                    "the migration {} fails: {}",
                    migration.name,
                    failure(&error).detail
                );
            }
        }
        connection
            .authorizer(Some(authorize))
            .expect("SQLite has authorizers");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        Self {
            connection,
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

    /// Returns the columns of the last statement that returned rows.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Compiles a statement without running it.
    pub(super) fn prepare(&self, text: &str) -> Result<(), String> {
        let statement = self.connection.prepare(text);
        statement.map(drop).map_err(|error| failure(&error).detail)
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
    fn control(&self, statement: &str) {
        let result = self.connection.execute_batch(statement);
        result.expect("savepoints are nested");
    }

    /// Runs a statement unless one failed before.
    fn run<T>(
        &mut self,
        text: &str,
        params: &[Value],
        body: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let (read_only, failed) = match &self.operation {
            Some(operation) => (operation.read_only, operation.failed),
            None => (false, false),
        };
        if failed {
            return Err(refused(
                "an earlier statement failed, so the transaction cannot continue",
            ));
        }
        let result = self
            .connection
            .prepare_cached(text)
            .map_err(|error| failure(&error))
            .and_then(|mut statement| {
                if read_only && !statement.readonly() {
                    return Err(refused(
                        "a GET only reads; use another method for a statement that writes",
                    ));
                }
                bind(&mut statement, params)?;
                body(&mut statement).map_err(|error| failure(&error))
            });
        if let (Err(_), Some(operation)) = (&result, &mut self.operation) {
            operation.failed = true;
        }
        result
    }
}

impl Platform for Database {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure> {
        let (columns, rows) = self.run(statement, params, |statement| {
            let columns = statement.column_names().map(str::to_owned).collect();
            Ok((columns, read(statement)?))
        })?;
        self.columns = columns;
        Ok(rows)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure> {
        self.run(statement, params, |statement| {
            // With RETURNING, a statement writes while its rows are read.
            match statement.column_count() {
                0 => statement.raw_execute().map(|count| count as u64),
                _ => {
                    let (mut rows, mut count) = (statement.raw_query(), 0);
                    while rows.next()?.is_some() {
                        count += 1;
                    }
                    Ok(count)
                }
            }
        })
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

/// Reads all rows of a statement.
fn read(statement: &mut Statement<'_>) -> rusqlite::Result<Rows> {
    let width = statement.column_count();
    let mut out = Rows {
        width: width as u32,
        cells: Vec::new(),
        heap: Vec::new(),
    };
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        for column in 0..width {
            let mut add = |bytes: &[u8]| {
                let start = out.heap.len() as u32;
                out.heap.extend_from_slice(bytes);
                Span {
                    start,
                    len: bytes.len() as u32,
                }
            };
            let cell = match row.get_ref(column)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Integer(value),
                ValueRef::Real(value) => Cell::Real(value),
                ValueRef::Text(text) => Cell::Text(add(text)),
                ValueRef::Blob(bytes) => Cell::Blob(add(bytes)),
            };
            out.cells.push(cell);
        }
    }
    Ok(out)
}

/// Binds `$n` to the nth value, at every occurrence.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<(), Failure> {
    for slot in 1..=statement.parameter_count() {
        let name = statement.parameter_name(slot).unwrap_or("?");
        let number = name
            .strip_prefix('$')
            .and_then(|digits| digits.parse().ok());
        let value = number
            .and_then(|number: usize| params.get(number.checked_sub(1)?))
            .ok_or_else(|| refused(&format!("the parameter {name} has no value")))?;
        if matches!(value, Value::Text(text) if text.contains('\0')) {
            return Err(refused("a text must not contain U+0000"));
        }
        statement
            .raw_bind_parameter(slot, Parameter(value))
            .map_err(|error| failure(&error))?;
    }
    Ok(())
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Boolean(value) => ValueRef::Integer(i64::from(*value)),
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Refuses what the host does not let logic do, and the tables and functions that it hides.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let is_hidden = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["sqlite_", "task_host_", "pragma_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    match context.action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Savepoint {
            savepoint_name: "task_host_operation",
            ..
        } => Authorization::Allow,
        AuthAction::Read { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
            if !is_hidden(table_name) =>
        {
            Authorization::Allow
        }
        AuthAction::Function { function_name }
            if !matches!(
                function_name.to_ascii_lowercase().as_str(),
                "last_insert_rowid" | "changes" | "total_changes" | "load_extension"
            ) =>
        {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

fn refused(detail: &str) -> Failure {
    Failure {
        cause: Cause::Other,
        constraint: None,
        detail: detail.to_owned(),
    }
}

/// Returns the failure that the host returns for an error of SQLite.
fn failure(error: &rusqlite::Error) -> Failure {
    let detail = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, offset, .. } => format!("{msg} at byte {offset}"),
        error => error.to_string(),
    };
    let cause = match error.sqlite_error().map(|code| code.extended_code) {
        Some(
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID,
        ) => Cause::Unique,
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Cause::ForeignKey,
        Some(ffi::SQLITE_CONSTRAINT_CHECK) => Cause::Check,
        Some(ffi::SQLITE_CONSTRAINT_NOTNULL) => Cause::NotNull,
        _ => Cause::Other,
    };
    let constraint = match cause {
        Cause::Other => None,
        _ => detail
            .split_once(" constraint failed: ")
            .map(|(_, name)| name.strip_prefix("index ").unwrap_or(name))
            .map(|name| name.trim_matches('\'').to_owned()),
    };
    Failure {
        cause,
        constraint,
        detail,
    }
}
