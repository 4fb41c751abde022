//! The statement for a part of the list of tasks.
//!
//! A page begins after a position (keyset), not after a number of rows: the values that the
//! last task is sorted by, ending in `created_at` and `id`, so that no two tasks are equal.

use std::fmt::Write;

use crate::contract::sql::Value;
use crate::contract::tasks::{Direction, SortKey, Task};
use crate::domain::moment;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store::rows::Table;
use crate::store::tasks;

/// Where a task stands in a sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The value of the sort key; the same as `created_at` where that is the key.
    pub value: i64,
    /// Microseconds.
    pub created_at: i64,
    /// The last tie-breaker.
    pub id: i64,
}

impl Position {
    /// Where this task stands in a list sorted by that key.
    pub fn of(task: &Task, key: SortKey) -> Self {
        let created_at = moment::micros(task.created_at);
        let value = match key {
            SortKey::CreatedAt => created_at,
            SortKey::UpdatedAt => task.updated_at.map_or(0, moment::micros),
            SortKey::Priority => task.priority as i64,
            SortKey::Status => task.status as i64,
        };
        Self {
            value,
            created_at,
            id: task.id,
        }
    }
}

/// A statement while it is written.
pub struct Query {
    text: String,
    params: Vec<Value>,
    joint: &'static str,
}

impl Query {
    /// All tasks in no order.
    pub fn new() -> Self {
        let text = concat!("select ", tasks::columns!(), " from tasks").to_owned();
        Self {
            text,
            params: Vec::new(),
            joint: " where ",
        }
    }

    /// Only tasks whose column compares so with the value.
    pub fn compare(&mut self, column_and_operator: &str, value: Value) {
        self.condition(column_and_operator);
        self.bind(value);
    }

    /// Only tasks with any of these terms.
    pub fn any_term(&mut self, terms: Vec<String>) {
        self.condition("id in (select task_id from task_terms where term in (");
        for (index, term) in terms.into_iter().enumerate() {
            self.text.push_str(if index == 0 { "" } else { ", " });
            self.bind(Value::Text(term));
        }
        self.text.push_str("))");
    }

    /// Only tasks with a term from `start` on and before `end`.
    pub fn term_between(&mut self, start: String, end: String) {
        self.condition("id in (select task_id from task_terms where term >= ");
        self.bind(Value::Text(start));
        self.text.push_str(" and term < ");
        self.bind(Value::Text(end));
        self.text.push(')');
    }

    /// Only tasks after this position in that order.
    pub fn after(&mut self, position: Position, key: SortKey, direction: Direction) {
        self.condition("(");
        self.text.push_str(columns(key));
        self.text.push_str(match direction {
            Direction::Asc => ") > (",
            Direction::Desc => ") < (",
        });
        if key != SortKey::CreatedAt {
            self.bind(Value::Integer(position.value));
            self.text.push_str(", ");
        }
        self.bind(Value::Integer(position.created_at));
        self.text.push_str(", ");
        self.bind(Value::Integer(position.id));
        self.text.push(')');
    }

    /// Runs it: at most `limit` tasks after the first `offset`, in order.
    ///
    /// # Errors
    /// [`Refusal::Database`], [`Refusal::Corrupt`].
    pub fn run(
        mut self,
        platform: &mut impl Platform,
        key: SortKey,
        direction: Direction,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<Task>, Refusal> {
        let order = match direction {
            Direction::Asc => "",
            Direction::Desc => " desc",
        };
        self.text.push_str(" order by ");
        for (index, column) in columns(key).split(", ").enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(self.text, "{gap}{column}{order}");
        }
        self.text.push_str(" limit ");
        self.bind(Value::Integer(limit));
        if offset > 0 {
            self.text.push_str(" offset ");
            self.bind(Value::Integer(offset));
        }
        let rows = platform.query(&self.text, &self.params)?;
        Table::new(&rows)?.rows().map(tasks::decode).collect()
    }

    fn condition(&mut self, text: &str) {
        self.text.push_str(self.joint);
        self.text.push_str(text);
        self.joint = " and ";
    }

    fn bind(&mut self, value: Value) {
        self.params.push(value);
        let _ = write!(self.text, "${}", self.params.len());
    }
}

/// What a list is sorted by; the migrations have an index for each.
fn columns(key: SortKey) -> &'static str {
    match key {
        SortKey::CreatedAt => "created_at, id",
        SortKey::UpdatedAt => "updated_at, created_at, id",
        SortKey::Priority => "priority, created_at, id",
        SortKey::Status => "status, created_at, id",
    }
}
