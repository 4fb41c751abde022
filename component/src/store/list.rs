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

/// Terms of which a task has at least one.
pub enum Terms {
    /// Any of these.
    Any(Vec<String>),
    /// Any from the first on and before the second.
    Between(String, String),
}

/// So many rows of the index make terms common: more tasks than should be sorted for a page.
const COMMON: usize = 5_000;

/// Which of these many tasks have, in one statement that counts no further than it must.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn common(platform: &mut impl Platform, all: &[Terms]) -> Result<Vec<bool>, Refusal> {
    let mut text = Text {
        text: String::from("select "),
        params: Vec::new(),
    };
    for (index, terms) in all.iter().enumerate() {
        let gap = if index == 0 { "" } else { ", " };
        text.push(gap);
        text.push("(select count(*) from (select 1 from task_terms where ");
        text.terms(terms);
        text.push(" limit ");
        text.bind(Value::Integer(COMMON as i64));
        text.push(") as v)");
    }
    let rows = platform.query(&text.text, &text.params)?;
    let mut row = Table::new(&rows)?.only()?;
    all.iter()
        .map(|_| Ok(row.count()? == COMMON as u64))
        .collect()
}

/// So many words are spelled out: more with one beginning are rare, and each is looked up.
const SPELLED: usize = 64;

/// Spells out a range of terms that many tasks have, where not too many terms are in it. Each can
/// then be looked up for one task at a time, so that a page is filled without reading the range.
/// Skips from term to term: the index has a row for each task.
///
/// # Errors
/// [`Refusal::Database`], [`Refusal::Corrupt`].
pub fn spelled(platform: &mut impl Platform, terms: Terms) -> Result<Terms, Refusal> {
    let Terms::Between(start, end) = &terms else {
        return Ok(terms);
    };
    let statement = "with recursive v (term) as (\
         select min(term) from task_terms where term >= $1 and term < $2 \
         union all \
         select (select min(term) from task_terms where term > v.term and term < $2) \
         from v where v.term is not null) \
         select term from v where term is not null limit $3";
    let params = [
        Value::Text(start.clone()),
        Value::Text(end.clone()),
        Value::Integer(SPELLED as i64 + 1),
    ];
    let rows = platform.query(statement, &params)?;
    let found = Table::new(&rows)?
        .rows()
        .map(|mut row| Ok(row.text()?.to_owned()));
    let found: Vec<String> = found.collect::<Result<_, Refusal>>()?;
    Ok(match found.len() {
        0..=SPELLED => Terms::Any(found),
        _ => terms,
    })
}

/// A statement while it is written.
pub struct Query {
    text: Text,
    joint: &'static str,
}

impl Query {
    /// All tasks in no order.
    pub fn new() -> Self {
        let text = concat!("select ", tasks::columns!(), " from tasks").to_owned();
        Self {
            text: Text {
                text,
                params: Vec::new(),
            },
            joint: " where ",
        }
    }

    /// Only tasks whose column compares so with the value.
    pub fn compare(&mut self, column_and_operator: &str, value: Value) {
        self.condition(column_and_operator);
        self.text.bind(value);
    }

    /// Only tasks with these terms. Few tasks are best read by their ids and sorted; of many,
    /// a page is filled sooner in the order of the list, looking at each.
    pub fn terms(&mut self, terms: &Terms, common: bool) {
        let (start, end) = match (terms, common) {
            (_, false) => ("id in (select task_id from task_terms where ", ")"),
            (Terms::Any(_), true) => (
                "exists (select 1 from task_terms where task_id = tasks.id and ",
                ")",
            ),
            // The sign keeps SQLite from reading the tasks by these ids.
            (Terms::Between(..), true) => ("+id in (select task_id from task_terms where ", ")"),
        };
        self.condition(start);
        self.text.terms(terms);
        self.text.push(end);
    }

    /// Only tasks after this position in that order.
    pub fn after(&mut self, position: Position, key: SortKey, direction: Direction) {
        self.condition("(");
        self.text.push(columns(key));
        self.text.push(match direction {
            Direction::Asc => ") > (",
            Direction::Desc => ") < (",
        });
        if key != SortKey::CreatedAt {
            self.text.bind(Value::Integer(position.value));
            self.text.push(", ");
        }
        self.text.bind(Value::Integer(position.created_at));
        self.text.push(", ");
        self.text.bind(Value::Integer(position.id));
        self.text.push(")");
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
        self.text.push(" order by ");
        for (index, column) in columns(key).split(", ").enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(self.text.text, "{gap}{column}{order}");
        }
        self.text.push(" limit ");
        self.text.bind(Value::Integer(limit));
        if offset > 0 {
            self.text.push(" offset ");
            self.text.bind(Value::Integer(offset));
        }
        let rows = platform.query(&self.text.text, &self.text.params)?;
        tasks::decode_all(&rows)
    }

    fn condition(&mut self, text: &str) {
        self.text.push(self.joint);
        self.text.push(text);
        self.joint = " and ";
    }
}

/// A text whose parameters are numbered as they are bound.
struct Text {
    text: String,
    params: Vec<Value>,
}

impl Text {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind(&mut self, value: Value) {
        self.params.push(value);
        // Writing to a string cannot fail.
        let _ = write!(self.text, "${}", self.params.len());
    }

    fn terms(&mut self, terms: &Terms) {
        match terms {
            Terms::Any(terms) => {
                self.push("term in (");
                for (index, term) in terms.iter().enumerate() {
                    self.push(if index == 0 { "" } else { ", " });
                    self.bind(Value::Text(term.clone()));
                }
                self.push(")");
            }
            Terms::Between(start, end) => {
                self.push("term >= ");
                self.bind(Value::Text(start.clone()));
                self.push(" and term < ");
                self.bind(Value::Text(end.clone()));
            }
        }
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
