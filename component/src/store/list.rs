//! The statement that reads one page of the list of tasks.
//!
//! Pages use keyset pagination: a page begins after a position, not after a number of rows. A
//! position holds the sort values of the last task. They end with `created_at` and `id`, so no two
//! tasks have the same position.

use std::fmt::Write;

use crate::contract::sql::Value;
use crate::contract::tasks::{Direction, SortKey, Task};
use crate::domain::timestamp;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::rows::Table;
use crate::store::tasks;

/// The position of a task in a sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The value of the sort key. If the list is sorted by `created_at`, it is the same as that.
    pub value: i64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub created_at: i64,
    /// The last tie-breaker.
    pub id: i64,
}

impl Position {
    /// Returns the position of this task in a list sorted by that key.
    pub fn of(task: &Task, key: SortKey) -> Self {
        let created_at = timestamp::micros(task.created_at);
        let value = match key {
            SortKey::CreatedAt => created_at,
            SortKey::UpdatedAt => task.updated_at.map_or(0, timestamp::micros),
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

/// A set of terms. A task matches if it has at least one of them.
pub enum Terms {
    /// These terms.
    Any(Vec<String>),
    /// All terms from the first (inclusive) to the second (exclusive).
    Between(String, String),
}

/// Terms are common if they have at least this many rows in the index. Sorting that many tasks for
/// one page would be too slow.
const COMMON_ROWS: usize = 5_000;

/// Returns which of these sets are common. One statement counts the rows of each set and stops at
/// the threshold.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not a
/// row of counts.
pub fn are_common(platform: &mut impl Platform, all: &[Terms]) -> Result<Vec<bool>, Error> {
    let mut sql = Sql {
        text: String::from("select "),
        params: Vec::new(),
    };
    for (index, terms) in all.iter().enumerate() {
        let gap = if index == 0 { "" } else { ", " };
        sql.push(gap);
        sql.push("(select count(*) from (select 1 from task_terms where ");
        sql.terms(terms);
        sql.push(" limit ");
        sql.bind(Value::Integer(COMMON_ROWS as i64));
        sql.push(") as v)");
    }
    let rows = platform.query(&sql.text, &sql.params)?;
    let mut row = Table::new(&rows)?.only()?;
    all.iter()
        .map(|_| Ok(row.count()? == COMMON_ROWS as u64))
        .collect()
}

/// Maximum number of terms that a range is expanded to. Each term costs a lookup, and few prefixes
/// have more terms than this.
const EXPANDED_TERMS_MAX: usize = 64;

/// Expands a common range to the terms in it, unless it has more than [`EXPANDED_TERMS_MAX`]. With
/// single terms, the database can look up one task at a time and fills a page without reading the
/// whole range. The statement skips from term to term, because the index has a row for each task.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a term.
pub fn expand(platform: &mut impl Platform, terms: Terms) -> Result<Terms, Error> {
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
        Value::Integer(EXPANDED_TERMS_MAX as i64 + 1),
    ];
    let rows = platform.query(statement, &params)?;
    let found = Table::new(&rows)?
        .rows()
        .map(|mut row| Ok(row.text()?.to_owned()));
    let found: Vec<String> = found.collect::<Result<_, Error>>()?;
    Ok(match found.len() {
        0..=EXPANDED_TERMS_MAX => Terms::Any(found),
        _ => terms,
    })
}

/// Builds and runs the statement for one page.
pub struct Query {
    sql: Sql,
    /// What separates the next condition from the text before it: ` where ` or ` and `.
    separator: &'static str,
}

impl Query {
    /// Creates a query for all tasks.
    pub fn new() -> Self {
        let text = concat!("select ", tasks::columns!(), " from tasks").to_owned();
        Self {
            sql: Sql {
                text,
                params: Vec::new(),
            },
            separator: " where ",
        }
    }

    /// Keeps only tasks for which the comparison of a column with the value is true.
    pub fn compare(&mut self, column_and_operator: &str, value: Value) {
        self.condition(column_and_operator);
        self.sql.bind(value);
    }

    /// Keeps only tasks with these terms. If few tasks have them, the fastest plan reads these tasks
    /// by id and sorts them. If the terms are common, it is faster to walk the tasks in the order of
    /// the list and check each one until the page is full.
    pub fn terms(&mut self, terms: &Terms, common: bool) {
        let (start, end) = match (terms, common) {
            (_, false) => ("id in (select task_id from task_terms where ", ")"),
            (Terms::Any(_), true) => (
                "exists (select 1 from task_terms where task_id = tasks.id and ",
                ")",
            ),
            // The unary plus keeps SQLite from reading the tasks by these ids.
            (Terms::Between(..), true) => ("+id in (select task_id from task_terms where ", ")"),
        };
        self.condition(start);
        self.sql.terms(terms);
        self.sql.push(end);
    }

    /// Keeps only tasks after this position in that order.
    pub fn after(&mut self, position: Position, key: SortKey, direction: Direction) {
        self.condition("(");
        self.sql.push(columns(key));
        self.sql.push(match direction {
            Direction::Asc => ") > (",
            Direction::Desc => ") < (",
        });
        if key != SortKey::CreatedAt {
            self.sql.bind(Value::Integer(position.value));
            self.sql.push(", ");
        }
        self.sql.bind(Value::Integer(position.created_at));
        self.sql.push(", ");
        self.sql.bind(Value::Integer(position.id));
        self.sql.push(")");
    }

    /// Runs the query. Skips `offset` tasks and returns at most `limit`, in order.
    ///
    /// # Errors
    /// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a
    /// task.
    pub fn run(
        mut self,
        platform: &mut impl Platform,
        key: SortKey,
        direction: Direction,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<Task>, Error> {
        let order = match direction {
            Direction::Asc => "",
            Direction::Desc => " desc",
        };
        self.sql.push(" order by ");
        for (index, column) in columns(key).split(", ").enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(self.sql.text, "{gap}{column}{order}");
        }
        self.sql.push(" limit ");
        self.sql.bind(Value::Integer(limit));
        if offset > 0 {
            self.sql.push(" offset ");
            self.sql.bind(Value::Integer(offset));
        }
        let rows = platform.query(&self.sql.text, &self.sql.params)?;
        tasks::decode_all(&rows)
    }

    fn condition(&mut self, text: &str) {
        self.sql.push(self.separator);
        self.sql.push(text);
        self.separator = " and ";
    }
}

/// The text of a statement, with its parameters in the order of their numbers.
struct Sql {
    text: String,
    params: Vec<Value>,
}

impl Sql {
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

/// Returns the columns that a list is sorted by. The migrations have an index for each.
fn columns(key: SortKey) -> &'static str {
    match key {
        SortKey::CreatedAt => "created_at, id",
        SortKey::UpdatedAt => "updated_at, created_at, id",
        SortKey::Priority => "priority, created_at, id",
        SortKey::Status => "status, created_at, id",
    }
}
