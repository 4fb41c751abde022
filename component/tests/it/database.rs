//! The database of a test, which counts what the logic does on it.

use std::collections::BTreeSet;

use task_host_sdk::testing;
use tasks::contract::Datetime;
use tasks::contract::events::Event;
use tasks::contract::log::Level;
use tasks::contract::service::Migration;
use tasks::contract::sql::{Cell, Dialect, Failure, Rows, Value};
use tasks::contract::tasks::{Category, Task, TaskDraft, TaskFilter, TaskUpdate};
use tasks::error::Error;
use tasks::operations;
use tasks::platform::Platform;

/// 2026-03-01T00:00:00Z.
pub const START: u64 = 1_772_323_200;

/// A separate, migrated database, with a clock that only advances when a test sets it.
pub struct Database {
    inner: testing::Database,
    pub seconds: u64,
    /// The default makes one write in four move its shares into the sums.
    pub nanoseconds: u32,
    pub statements: usize,
    /// The different texts of all statements.
    pub texts: BTreeSet<String>,
    /// The text of the last statement.
    pub last: String,
    /// The bytes of text in all results.
    pub bytes: usize,
    pub lines: Vec<String>,
    pub events: Vec<Event>,
}

impl Database {
    pub fn new() -> Self {
        Self::with(&tasks::service::describe().migrations)
    }

    /// A database that does not have the migration of the sums yet.
    pub fn before_sums() -> Self {
        Self::with(&tasks::service::describe().migrations[..1])
    }

    /// A database whose tasks were created before the search ignored accents: `earlier` has a title for each,
    /// and the rows that earlier logic wrote for it.
    pub fn before_search(earlier: &[(&str, &[&str])]) -> Self {
        let migrations = tasks::service::describe().migrations;
        let mut database = Self::with(&migrations[..2]);
        for (title, terms) in earlier {
            database.run(&format!(
                "insert into tasks (title, status, priority, category, tags, dependencies, created_at,
                     updated_at, checksum) values ('{title}', 0, 1, 0, '', '', 1, 0, 'x')"
            ));
            for term in *terms {
                let (term, sign) = match term.strip_prefix('-') {
                    Some(term) => (term, "-"),
                    None => (*term, ""),
                };
                database.run(&format!(
                    "insert into task_terms select '{term}', {sign}max(id) from tasks"
                ));
            }
        }
        for later in &migrations[2..] {
            database.run(&later.sqlite);
        }
        database
    }

    fn with(migrations: &[Migration]) -> Self {
        // The tests look at SQLite's plans.
        let inner = testing::Database::in_memory(migrations);
        Self {
            inner,
            seconds: START,
            nanoseconds: 123_456_789,
            statements: 0,
            texts: BTreeSet::new(),
            last: String::new(),
            bytes: 0,
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
    pub fn integer(&mut self, statement: &str) -> i64 {
        match self.inner.query(statement, &[]).unwrap().cells[..] {
            [Cell::Integer(value)] => value,
            ref other => panic!("{statement} returns {other:?}"),
        }
    }

    /// Counts the terms of all tasks, in the index and waiting.
    pub fn terms(&mut self) -> i64 {
        self.integer(
            "select (select count(*) from task_terms) \
             + (select coalesce(sum(length(terms) - length(replace(terms, ':', ''))), 0)
             from task_terms_new)",
        )
    }

    /// Runs a statement on the database directly, not through the logic.
    pub fn run(&mut self, statement: &str) {
        self.inner.administer(statement);
    }

    /// Returns how many rows statements have read without an index.
    pub fn scanned(&self) -> u64 {
        self.inner.scanned_rows()
    }

    /// Returns the engine's plan for a statement.
    pub fn plan(&mut self, statement: &str) -> String {
        const PARAMETERS: [Value; 32] = [const { Value::Null }; 32];
        let explain = format!("explain query plan {statement}");
        let rows = self.inner.query(&explain, &PARAMETERS).unwrap();
        // The last column of each row is its text.
        let steps = rows.cells.chunks(rows.width as usize).map(|row| match row {
            [.., Cell::Text(span)] => {
                let (start, len) = (span.start as usize, span.len as usize);
                str::from_utf8(&rows.heap[start..start + len]).unwrap()
            }
            other => panic!("a step of a plan is {other:?}"),
        });
        steps.collect::<Vec<_>>().join("\n")
    }

    /// Returns the engine's plan for the last statement.
    pub fn plan_of_last(&mut self) -> String {
        let last = self.last.clone();
        self.plan(&last)
    }

    /// Counts a statement, which must use each parameter.
    fn note(&mut self, statement: &str, params: &[Value]) {
        for number in 1..=params.len() {
            assert!(statement.contains(&format!("${number}")), "{statement}");
        }
        self.statements += 1;
        statement.clone_into(&mut self.last);
        if !self.texts.contains(statement) {
            self.texts.insert(statement.to_owned());
        }
    }
}

impl Platform for Database {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    fn query(&mut self, statement: &str, params: &[Value]) -> Result<Rows, Failure> {
        self.note(statement, params);
        let rows = self.inner.query(statement, params)?;
        self.bytes += rows.heap.len();
        Ok(rows)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Failure> {
        self.note(statement, params);
        self.inner.execute(statement, params)
    }

    fn now(&self) -> Datetime {
        Datetime {
            seconds: self.seconds,
            nanoseconds: self.nanoseconds,
        }
    }

    fn publish(&mut self, event: &Event) {
        self.events.push(event.clone());
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        self.lines.push(format!("{level:?} {message} {fields:?}"));
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
        unassigned: None,
        depends_on: None,
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
