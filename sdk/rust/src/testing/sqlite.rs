//! SQLite in memory.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, StatementStatus, ToSql, ffi};

use super::database::{Engine, READ_ONLY, refused};
use crate::bindings::exports::task_host::platform::service::Migration;
use crate::bindings::task_host::platform::sql::{Cause, Cell, Dialect, Failure, Rows, Span, Value};

/// A database in memory.
pub(super) struct Sqlite {
    connection: Connection,
    /// Rows that were read without an index.
    scanned: u64,
}

impl Sqlite {
    /// Creates a database and runs the migrations.
    ///
    /// # Errors
    /// Returns the name of a migration that fails, and the reason.
    pub(super) fn open(migrations: &[Migration]) -> Result<Self, (String, String)> {
        let connection = Connection::open_in_memory().expect("SQLite has memory");
        connection
            .execute_batch("pragma foreign_keys = on")
            .expect("SQLite has foreign keys");
        for migration in migrations {
            let applied = connection.execute_batch(&migration.sqlite);
            applied.map_err(|error| (migration.name.clone(), failure(&error).detail))?;
        }
        let mut sqlite = Sqlite {
            connection,
            scanned: 0,
        };
        sqlite.confine(true);
        Ok(sqlite)
    }

    /// Gives statements the rights of logic, or all rights.
    fn confine(&mut self, confined: bool) {
        let set = self.connection.authorizer(confined.then_some(authorize));
        set.expect("SQLite has authorizers");
    }

    fn run<T>(
        &mut self,
        text: &str,
        params: &[Value],
        read_only: bool,
        body: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let prepared = self.connection.prepare_cached(text);
        let mut statement = prepared.map_err(|error| failure(&error))?;
        if read_only && !statement.readonly() {
            return Err(refused(READ_ONLY));
        }
        bind(&mut statement, params)?;
        let result = body(&mut statement).map_err(|error| failure(&error));
        let scanned = statement.reset_status(StatementStatus::FullscanStep);
        self.scanned += u64::from(scanned.unsigned_abs());
        result
    }
}

impl Engine for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(
        &mut self,
        text: &str,
        params: &[Value],
        read_only: bool,
    ) -> Result<(Vec<String>, Rows), Failure> {
        self.run(text, params, read_only, |statement| {
            let columns = statement.column_names();
            let columns = columns.map(str::to_owned).collect();
            Ok((columns, read(statement)?))
        })
    }

    fn execute(&mut self, text: &str, params: &[Value], read_only: bool) -> Result<u64, Failure> {
        self.run(text, params, read_only, |statement| {
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

    fn prepare(&mut self, text: &str) -> Result<(), String> {
        let statement = self.connection.prepare(text);
        statement.map(drop).map_err(|error| failure(&error).detail)
    }

    fn control(&mut self, statements: &str) -> Result<(), String> {
        let result = self.connection.execute_batch(statements);
        result.map_err(|error| failure(&error).detail)
    }

    fn administer(&mut self, statements: &str) -> Result<(), String> {
        self.confine(false);
        let result = self.control(statements);
        self.confine(true);
        result
    }

    fn scanned(&self) -> u64 {
        self.scanned
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
