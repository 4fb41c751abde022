//! A platform on SQLite in memory, which takes the place of the host.

use std::collections::BTreeSet;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, StatementStatus, ToSql};
use tasks::contract::Datetime;
use tasks::contract::events::Event;
use tasks::contract::log::Level;
use tasks::contract::sql::{Cause, Cell, Dialect, Failure, Rows, Span, Value};
use tasks::contract::tasks::{Category, Task, TaskDraft, TaskFilter, TaskUpdate};
use tasks::error::Error;
use tasks::operations;
use tasks::platform::Platform;

/// 2026-03-01T00:00:00Z.
pub const START: u64 = 1_772_323_200;

/// A separate, migrated database, with a clock that only advances when a test sets it.
pub struct Database {
    connection: Connection,
    pub seconds: u64,
    pub statements: usize,
    /// The different texts of all statements.
    pub texts: BTreeSet<String>,
    /// The text of the last statement.
    pub last: String,
    /// The bytes of text in all results.
    pub bytes: usize,
    /// The number of rows that the engine scanned without an index.
    pub scanned: i32,
    pub lines: Vec<String>,
    pub events: Vec<Event>,
}

impl Database {
    pub fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("pragma foreign_keys = on")
            .unwrap();
        for migration in tasks::service::describe().migrations {
            connection.execute_batch(&migration.sqlite).unwrap();
        }
        Self {
            connection,
            seconds: START,
            statements: 0,
            texts: BTreeSet::new(),
            last: String::new(),
            bytes: 0,
            scanned: 0,
            lines: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Creates a task, after advancing the clock by a second.
    pub fn create(&mut self, draft: TaskDraft) -> Task {
        self.seconds += 1;
        operations::create(self, draft).unwrap()
    }

    /// Changes a task, after advancing the clock by a second.
    pub fn update(&mut self, id: i64, change: TaskUpdate) -> Task {
        self.seconds += 1;
        operations::update(self, id, change).unwrap()
    }

    /// Returns the titles of the tasks that match a filter, in order.
    pub fn titles(&mut self, filter: TaskFilter) -> Vec<String> {
        let page = operations::list(self, filter).unwrap();
        page.tasks.into_iter().map(|task| task.title).collect()
    }

    /// Reads one integer from the database.
    pub fn integer(&self, statement: &str) -> i64 {
        self.connection
            .query_row(statement, [], |row| row.get(0))
            .unwrap()
    }

    /// Runs a statement on the database directly, not through the logic.
    pub fn run(&self, statement: &str) {
        self.connection.execute_batch(statement).unwrap();
    }

    fn note(&mut self, statement: &str) {
        self.statements += 1;
        statement.clone_into(&mut self.last);
        if !self.texts.contains(statement) {
            self.texts.insert(statement.to_owned());
        }
    }

    /// Returns the engine's plan for a statement.
    pub fn plan(&self, statement: &str) -> String {
        let mut explain = self
            .connection
            .prepare(&format!("explain query plan {statement}"))
            .unwrap();
        // Parameters that are not bound are null.
        let mut rows = explain.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get::<_, String>(3).unwrap());
        }
        lines.join("\n")
    }
}

impl Platform for Database {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure> {
        self.note(statement);
        let mut statement = self.connection.prepare_cached(statement).map_err(failure)?;
        bind(&mut statement, params).map_err(failure)?;
        let width = statement.column_count();
        let mut out = Rows {
            width: width as u32,
            cells: Vec::new(),
            heap: Vec::new(),
        };
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failure)? {
            for column in 0..width {
                out.cells.push(match row.get_ref(column).map_err(failure)? {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(value) => Cell::Integer(value),
                    ValueRef::Real(value) => Cell::Real(value),
                    ValueRef::Text(text) => {
                        let start = out.heap.len() as u32;
                        out.heap.extend_from_slice(text);
                        Cell::Text(Span {
                            start,
                            len: text.len() as u32,
                        })
                    }
                    ValueRef::Blob(_) => unreachable!("no statement reads blobs"),
                });
            }
        }
        drop(rows);
        self.bytes += out.heap.len();
        self.scanned += statement.reset_status(StatementStatus::FullscanStep);
        Ok(out)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure> {
        self.note(statement);
        let mut statement = self.connection.prepare_cached(statement).map_err(failure)?;
        bind(&mut statement, params).map_err(failure)?;
        Ok(statement.raw_execute().map_err(failure)? as u64)
    }

    fn now(&self) -> Datetime {
        Datetime {
            seconds: self.seconds,
            nanoseconds: 123_456_789,
        }
    }

    fn publish(&mut self, event: &Event) {
        self.events.push(event.clone());
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        self.lines.push(format!("{level:?} {message} {fields:?}"));
    }
}

/// Binds each `$n` by its number. The statement must use every parameter.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> rusqlite::Result<()> {
    assert_eq!(statement.parameter_count(), params.len());
    for (number, value) in (1..).zip(params) {
        let index = statement.parameter_index(&format!("${number}"))?.unwrap();
        statement.raw_bind_parameter(index, Parameter(value))?;
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

fn failure(error: rusqlite::Error) -> Failure {
    Failure {
        cause: Cause::Other,
        constraint: None,
        detail: error.to_string(),
    }
}

/// A draft with a title and no optional fields.
pub fn draft(title: &str) -> TaskDraft {
    TaskDraft {
        title: title.to_owned(),
        description: None,
        priority: None,
        category: Category::Development,
        assignee: None,
        estimated_hours: None,
        tags: None,
        dependencies: None,
        due_at: None,
    }
}

/// A draft of a task that depends on others.
pub fn dependent(title: &str, dependencies: &[i64]) -> TaskDraft {
    TaskDraft {
        dependencies: Some(dependencies.to_vec()),
        ..draft(title)
    }
}

/// A change without fields.
pub fn change() -> TaskUpdate {
    TaskUpdate {
        title: None,
        description: None,
        status: None,
        priority: None,
        category: None,
        assignee: None,
        estimated_hours: None,
        actual_hours: None,
        tags: None,
        dependencies: None,
        due_at: None,
    }
}

/// A filter without conditions.
pub fn all() -> TaskFilter {
    TaskFilter {
        status: None,
        priority: None,
        category: None,
        assignee: None,
        tags: None,
        due_before: None,
        due_after: None,
        overdue: None,
        q: None,
        sort_by: None,
        order: None,
        limit: None,
        offset: None,
        cursor: None,
    }
}

/// Returns the locations of the errors in an invalid request.
pub fn pointers(error: Error) -> Vec<String> {
    match error {
        Error::Invalid(errors) | Error::MissingDependencies(errors) => {
            errors.into_iter().map(|error| error.pointer).collect()
        }
        other => panic!("expected errors with locations, got {other:?}"),
    }
}

/// A time in whole seconds.
pub fn at(seconds: u64) -> Datetime {
    Datetime {
        seconds,
        nanoseconds: 0,
    }
}
