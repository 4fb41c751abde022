//! The statement that reads one page of the list of tasks.
//!
//! Pages use keyset pagination: a page begins after a position, not after a number of rows. A
//! position holds the sort values of the last task. They end with `created_at` and `id`, so no two
//! tasks have the same position.
//!
//! The number of different statements is fixed, a few hundred, whatever clients ask for. Each has one
//! condition that an index serves, the *driver*; the other filters are one text, in which absent
//! filters are null. Lists of words are arrays ([`arrays`]).
//!
//! If the driver's index is not in the order of the list, there are two ways to a page: sort all tasks
//! that the driver finds, or *walk* the tasks in the order of the list and skip the others. PostgreSQL
//! chooses by its statistics. SQLite would always sort, so this module chooses for it ([`is_dense`]).

use std::fmt::Write;

use crate::contract::sql::{Dialect, Value};
use crate::contract::tasks::{Direction, SortKey, Status, Task};
use crate::domain::terms::range_end;
use crate::domain::{names, timestamp};
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array};
use crate::store::figures::Group;
use crate::store::lists;
use crate::store::tasks;
use crate::store::terms::Waiting;
use task_host_sdk::rows::Table;

/// The order of a list. `created_at` and `id` break ties, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What the list is sorted by.
    pub key: SortKey,
    /// The direction of all columns.
    pub direction: Direction,
}

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
            SortKey::DueAt => task.due_at.map_or(i64::MAX, timestamp::micros),
        };
        Self {
            value,
            created_at,
            id: task.id,
        }
    }

    /// Returns the position before the first task.
    pub fn start(direction: Direction) -> Self {
        let outermost = match direction {
            Direction::Asc => i64::MIN,
            Direction::Desc => i64::MAX,
        };
        Self {
            value: outermost,
            created_at: outermost,
            id: outermost,
        }
    }
}

/// A set of terms. A task matches if it has at least one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terms {
    /// These terms.
    Any(Vec<String>),
    /// All terms that begin with one of these prefixes.
    Prefixes(Vec<String>),
}

impl Terms {
    /// Appends an array of a number, the first and the last term for each range of this set.
    fn write(&self, number: usize, array: &mut Array) {
        let mut write = |first: &str, last: &str| {
            let mut range = Array::of_integers(&[number as i64]);
            range.text(first);
            range.text(last);
            array.array(range);
        };
        match self {
            Terms::Any(terms) => terms.iter().for_each(|term| write(term, term)),
            Terms::Prefixes(prefixes) => prefixes
                .iter()
                .for_each(|prefix| write(prefix, &range_end(prefix))),
        }
    }

    /// Returns the texts of which one is in each of these terms, in lower case and without what marks a tag. Most
    /// words of a search have one, because the terms of tags repeat it in other case.
    fn needles(&self) -> Vec<String> {
        let (Terms::Any(terms) | Terms::Prefixes(terms)) = self;
        let needles = terms.iter().map(|term| {
            let text = term.strip_prefix('#').unwrap_or(term).chars();
            let text = text.take(NEEDLE_LENGTH);
            text.map(|letter| letter.to_ascii_lowercase()).collect()
        });
        let mut needles: Vec<String> = needles.collect();
        needles.sort_unstable();
        needles.dedup();
        needles
    }

    /// Whether a term is one of these.
    fn has(&self, term: &str) -> bool {
        // Most terms differ in their first byte, which is compared without a call.
        let begins = |one: &&String| one.as_bytes().first() == term.as_bytes().first();
        match self {
            Terms::Any(terms) => terms.iter().filter(begins).any(|one| one == term),
            Terms::Prefixes(prefixes) => prefixes
                .iter()
                .filter(begins)
                .any(|prefix| term.starts_with(prefix.as_str())),
        }
    }
}

/// Returns a few texts, in lower case, of which each task with at least one term of each set has one in its
/// terms: those of the set that is likely to be the rarest. An empty list says nothing about the tasks.
pub fn needles(sets: &[Terms]) -> Vec<String> {
    let needles = sets.iter().map(Terms::needles);
    needles
        .filter(|needles| needles.len() <= NEEDLES_MAX)
        .max_by_key(|needles| needles.iter().map(String::len).min())
        .unwrap_or_default()
}

/// Maximum number of needles. Each number of them is another statement.
const NEEDLES_MAX: usize = 4;

/// Maximum number of characters of a needle: a client can ask for a tag of any length, and engines look only for
/// patterns of limited size.
const NEEDLE_LENGTH: usize = 64;

/// The terms that the tasks of a list must have: at least one of each set. The sets are in the form in
/// which the database finds them fastest.
#[derive(Debug, Default)]
pub struct Search {
    /// The rarest set, if it is rare: it has fewer than [`COMMON_ROWS`] rows in the index. The fastest
    /// plan reads these tasks by id and sorts them.
    rarest: Option<Terms>,
    /// Common sets of few terms. The fastest plan walks the tasks in the order of the list and looks
    /// each term of each task up, until the page is full.
    listed: Vec<Vec<String>>,
    /// All other sets. The tasks that have them are read completely.
    others: Vec<Terms>,
    /// The tasks that have all sets and are not in the index yet.
    waiting: Vec<i64>,
}

impl Search {
    fn is_empty(&self) -> bool {
        self.rarest.is_none() && self.listed.is_empty() && self.others.is_empty()
    }
}

/// Terms are common if they have at least this many rows in the index. Sorting that many tasks for
/// one page would be too slow.
const COMMON_ROWS: u64 = 5_000;

/// Finds out how to search for these sets. One statement counts the rows of each range, up to
/// [`COMMON_ROWS`]. `waiting` has the tasks that are not in the index, without some that do not match.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result has other cells.
pub fn plan_search(
    platform: &mut impl Platform,
    sets: Vec<Terms>,
    waiting: &Waiting,
) -> Result<Search, Error> {
    let mut search = Search {
        waiting: find_waiting(&sets, waiting),
        ..Search::default()
    };
    if sets.is_empty() {
        return Ok(search);
    }
    let counts = count_rows(platform, &sets)?;
    let mut rarest: Option<(Terms, u64)> = None;
    for (terms, count) in sets.into_iter().zip(counts) {
        if count >= COMMON_ROWS {
            match expand(platform, terms)? {
                Terms::Any(terms) => search.listed.push(terms),
                terms => search.others.push(terms),
            }
        } else if rarest.as_ref().is_none_or(|(_, rarest)| count < *rarest) {
            search.others.extend(rarest.take().map(|(terms, _)| terms));
            rarest = Some((terms, count));
        } else {
            search.others.push(terms);
        }
    }
    search.rarest = rarest.map(|(terms, _)| terms);
    Ok(search)
}

/// Returns the waiting tasks that have at least one term of each set.
fn find_waiting(sets: &[Terms], waiting: &Waiting) -> Vec<i64> {
    let has_all = |terms: &str| {
        sets.iter()
            .all(|set| lists::members(terms).any(|term| set.has(term)))
    };
    let tasks = waiting.tasks.iter();
    tasks
        .filter(|(_, terms)| has_all(terms))
        .map(|(id, _)| *id)
        .collect()
}

fn count_rows(platform: &mut impl Platform, sets: &[Terms]) -> Result<Vec<u64>, Error> {
    let mut ranges = Array::new();
    for (number, terms) in sets.iter().enumerate() {
        terms.write(number, &mut ranges);
    }
    let statement = format!(
        "select cast(w.value ->> 0 as bigint), (select count(*) from (select 1 from task_terms \
         where term >= w.value ->> 1 and term <= w.value ->> 2 limit $2) as t) from {}",
        arrays::rows(platform.dialect(), "$1")
    );
    let params = [ranges.into_value(), Value::Integer(COMMON_ROWS as i64)];
    let rows = platform.query(&statement, &params)?;
    let mut counts = vec![0; sets.len()];
    for mut row in Table::new(&rows)?.rows() {
        let number = usize::try_from(row.integer()?).ok();
        let count = number.and_then(|number| counts.get_mut(number));
        *count.ok_or(Error::Corrupt("a count has no set"))? += row.count()?;
    }
    Ok(counts)
}

/// Maximum number of terms that prefixes are expanded to. Each term costs a lookup, and few prefixes
/// have more terms than this.
const EXPANDED_TERMS_MAX: usize = 64;

/// Expands common prefixes to the terms that begin with them, unless there are more than
/// [`EXPANDED_TERMS_MAX`]. With single terms, the database can look up one task at a time and fills a
/// page without reading the whole range. The statement skips from term to term, because the index has
/// a row for each task.
fn expand(platform: &mut impl Platform, terms: Terms) -> Result<Terms, Error> {
    let Terms::Prefixes(prefixes) = &terms else {
        return Ok(terms);
    };
    let statement = "with recursive v (term) as (\
         select min(term) from task_terms where term >= $1 and term <= $2 \
         union all \
         select (select min(term) from task_terms where term > v.term and term <= $2) \
         from v where v.term is not null) \
         select term from v where term is not null limit $3";
    let mut found: Vec<String> = Vec::new();
    for prefix in prefixes {
        let params = [
            Value::Text(prefix.clone()),
            Value::Text(range_end(prefix)),
            Value::Integer(EXPANDED_TERMS_MAX as i64 + 1),
        ];
        let rows = platform.query(statement, &params)?;
        for mut row in Table::new(&rows)?.rows() {
            found.push(row.text()?.to_owned());
        }
        if found.len() > EXPANDED_TERMS_MAX {
            return Ok(terms);
        }
    }
    Ok(Terms::Any(found))
}

/// Which tasks a list has. Absent filters match every task.
#[derive(Debug, Default)]
pub struct Filters {
    /// The status, as stored.
    pub status: Option<i64>,
    /// The priority, as stored.
    pub priority: Option<i64>,
    /// The category, as stored.
    pub category: Option<i64>,
    /// The assignee, and another spelling that matches, too.
    pub assignee: Option<(String, Option<String>)>,
    /// Only tasks without an assignee.
    pub unassigned: bool,
    /// Only tasks that depend on this one.
    pub depends_on: Option<i64>,
    /// The due time is after and before these, in microseconds.
    pub due: Option<(i64, i64)>,
    /// These statuses do not match, without duplicates.
    pub excluded: Vec<i64>,
    /// The terms.
    pub search: Search,
}

/// The number of statuses.
pub const STATUSES: usize = names::STATUSES.len();

impl Filters {
    /// Returns how many filters of the table's columns are given.
    fn columns(&self) -> usize {
        let given = [
            self.status.is_some(),
            self.priority.is_some(),
            self.category.is_some(),
            self.assignee.is_some(),
            self.unassigned,
            self.due.is_some(),
            !self.excluded.is_empty(),
        ];
        given.into_iter().filter(|given| *given).count()
    }

    /// Whether no filter of a column is given besides the driver.
    fn are_served_by(&self, driver: Option<&Driver<'_>>) -> bool {
        match self.columns() {
            0 => true,
            // With terms, the driver may be another one, and a text less is worth more.
            1 => driver.is_some_and(Driver::is_column) && self.search.is_empty(),
            _ => false,
        }
    }

    /// Whether there are only filters by status, priority and category.
    pub fn are_of_groups(&self) -> bool {
        self.assignee.is_none()
            && !self.unassigned
            && self.depends_on.is_none()
            && self.due.is_none()
            && self.search.is_empty()
    }

    /// Counts the tasks of the groups that match, by status.
    pub fn count_in(&self, groups: &[Group]) -> [u64; STATUSES] {
        let is = |wanted: Option<i64>, case: i64| wanted.is_none_or(|wanted| wanted == case);
        let mut counts = [0; STATUSES];
        for group in groups {
            let status = group.status as i64;
            if is(self.status, status)
                && is(self.priority, group.priority as i64)
                && is(self.category, group.category as i64)
                && !self.excluded.contains(&status)
            {
                counts[group.status as usize] += group.count;
            }
        }
        counts
    }

    /// Returns the statuses that match, if several do and no other filter is given.
    fn only_statuses(&self) -> Option<Vec<i64>> {
        let is_only = self.columns() == 1 && self.depends_on.is_none() && self.search.is_empty();
        if self.excluded.is_empty() || !is_only {
            return None;
        }
        let all = 0..STATUSES as i64;
        Some(
            all.filter(|status| !self.excluded.contains(status))
                .collect(),
        )
    }
}

/// Counts tasks: those with each status, in the order of the contract.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a count.
pub fn count(platform: &mut impl Platform, filters: &Filters) -> Result<[u64; STATUSES], Error> {
    let mut sql = Sql::new(
        platform.dialect(),
        "select status, count(*) from tasks where true",
    );
    sql.filters(filters, Driver::of(filters).as_ref());
    sql.push(" group by status");
    let rows = platform.query(&sql.text, &sql.params)?;
    let mut counts = [0; STATUSES];
    for mut row in Table::new(&rows)?.rows() {
        let status = usize::try_from(row.integer()?).ok();
        let count = status.and_then(|status| counts.get_mut(status));
        *count.ok_or(Error::Corrupt("an enum has no such case"))? = row.count()?;
    }
    Ok(counts)
}

/// Reads tasks in order: those after `start`, without the first `offset` of them, and at most `limit`.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a task.
pub fn read(
    platform: &mut impl Platform,
    filters: &Filters,
    order: Order,
    start: Position,
    offset: i64,
    limit: usize,
) -> Result<Vec<Task>, Error> {
    let page = Page {
        order,
        start,
        offset,
        limit,
    };
    let mut driver = Driver::of(filters);
    let mut sorts = false;
    if let Some(unsorted) = driver.as_ref().filter(|driver| !driver.is_in(order))
        && platform.dialect() == Dialect::Sqlite
    {
        let walks = order.key != SortKey::DueAt
            && filters.search.is_empty()
            && is_common(platform, unsorted)?
            && is_dense(platform, filters, &page)?;
        sorts = !walks;
        driver = driver.filter(|_| sorts);
    }
    let mut sql = Sql::new(
        platform.dialect(),
        concat!("select ", tasks::columns!(), " from tasks where "),
    );
    let columns: &[&str] = match &driver {
        // Every task that matches has a due time.
        Some(Driver::OpenDue(..)) if order.key == SortKey::DueAt => &["due_at", "created_at", "id"],
        _ => columns(order.key),
    };
    sql.after(start, order, columns, sorts);
    let statuses = match order.key {
        SortKey::CreatedAt => filters.only_statuses(),
        _ => None,
    };
    match statuses {
        Some(statuses) => sql.statuses(&statuses, &page),
        None => sql.filters(filters, driver.as_ref()),
    }
    sql.order(order, columns, sorts);
    sql.push(" limit ");
    sql.bind(Value::Integer(limit as i64));
    sql.push(" offset ");
    sql.bind(Value::Integer(offset));
    let rows = platform.query(&sql.text, &sql.params)?;
    tasks::decode_all(&rows)
}

/// Which tasks of a list are read.
struct Page {
    order: Order,
    start: Position,
    offset: i64,
    limit: usize,
}

/// The condition that an index serves.
enum Driver<'a> {
    /// The rarest terms, and the tasks that are not in the index.
    Rarest(&'a Terms, &'a [i64]),
    /// The task that they depend on.
    DependsOn(i64),
    /// An assignee, and another spelling.
    Assignee(&'a str, Option<&'a str>),
    /// The due time is after and before these.
    Due(i64, i64),
    /// The same, and the task is neither completed nor cancelled.
    OpenDue(i64, i64),
    /// One of the columns with few values, and its value.
    Case(&'static str, i64),
}

impl<'a> Driver<'a> {
    /// Chooses the condition: the rarest terms, or one filter.
    ///
    /// With common terms, a filter that many tasks match is no driver: it would save little, and each
    /// driver is another set of statements.
    fn of(filters: &'a Filters) -> Option<Self> {
        if let Some(terms) = &filters.search.rarest {
            return Some(Driver::Rarest(terms, &filters.search.waiting));
        }
        if let Some(id) = filters.depends_on {
            return Some(Driver::DependsOn(id));
        }
        if let Some((name, other)) = &filters.assignee {
            return Some(Driver::Assignee(name, other.as_deref()));
        }
        if let Some((after, before)) = filters.due {
            let is_open = CLOSED
                .iter()
                .all(|status| filters.excluded.contains(status));
            return Some(match is_open {
                true => Driver::OpenDue(after, before),
                false => Driver::Due(after, before),
            });
        }
        let cases = [
            ("category", filters.category),
            ("status", filters.status),
            ("priority", filters.priority),
        ];
        let given = |(column, case): (_, Option<i64>)| Some(Driver::Case(column, case?));
        match filters.search.is_empty() {
            true => cases.into_iter().find_map(given),
            false => None,
        }
    }

    /// Whether it is the filter of a column.
    fn is_column(&self) -> bool {
        match self {
            Driver::Rarest(..) | Driver::DependsOn(_) => false,
            Driver::Assignee(..) | Driver::Due(..) | Driver::OpenDue(..) | Driver::Case(..) => true,
        }
    }

    /// Whether its index has the tasks in this order.
    fn is_in(&self, order: Order) -> bool {
        match self {
            Driver::Rarest(..)
            | Driver::DependsOn(_)
            | Driver::Assignee(_, Some(_))
            | Driver::Due(..) => false,
            Driver::Assignee(_, None) => order.key == SortKey::CreatedAt,
            Driver::OpenDue(..) => order.key == SortKey::DueAt,
            Driver::Case(column, _) => {
                order.key == SortKey::CreatedAt || columns(order.key)[0] == *column
            }
        }
    }
}

/// Returns whether at least [`COMMON_ROWS`] tasks match the driver. The tasks that depend on one are always
/// sorted: a walk would look each task up among them.
fn is_common(platform: &mut impl Platform, driver: &Driver<'_>) -> Result<bool, Error> {
    if matches!(driver, Driver::DependsOn(_)) {
        return Ok(false);
    }
    let mut sql = Sql::new(
        platform.dialect(),
        "select count(*) from (select 1 from tasks where ",
    );
    sql.driver(driver);
    sql.push(" limit ");
    sql.bind(Value::Integer(COMMON_ROWS as i64));
    sql.push(") as t");
    let rows = platform.query(&sql.text, &sql.params)?;
    Ok(Table::new(&rows)?.only()?.count()? >= COMMON_ROWS)
}

/// Maximum number of tasks that a walk reads: a few milliseconds of work. A page of 100 is found within
/// them if one task in a hundred matches.
const WALKED_ROWS: i64 = 10_000;

/// Returns whether a walk reads at most [`WALKED_ROWS`] tasks: it finds the page among the next ones in the
/// order of the list, or there are no more. If not, few tasks match here, whatever their number in the
/// whole list: for example, all tasks of the highest priority may have another status.
fn is_dense(platform: &mut impl Platform, filters: &Filters, page: &Page) -> Result<bool, Error> {
    let wanted = page.offset.saturating_add(page.limit as i64);
    if wanted > WALKED_ROWS {
        return Ok(false);
    }
    let columns = columns(page.order.key);
    let mut sql = Sql::new(
        platform.dialect(),
        "select count(*) from (select 1 from (\
         select status, priority, category, assignee, due_at from tasks where ",
    );
    sql.after(page.start, page.order, columns, false);
    sql.order(page.order, columns, false);
    sql.push(" limit ");
    sql.bind(Value::Integer(WALKED_ROWS));
    sql.push(") as tasks where true");
    sql.other_filters(filters);
    sql.push(" limit ");
    sql.bind(Value::Integer(wanted));
    sql.push(") as t");
    let rows = platform.query(&sql.text, &sql.params)?;
    if Table::new(&rows)?.only()?.integer()? == wanted {
        return Ok(true);
    }
    let mut sql = Sql::new(
        platform.dialect(),
        "select count(*) from (select 1 from tasks where ",
    );
    sql.after(page.start, page.order, columns, false);
    sql.push(" limit ");
    sql.bind(Value::Integer(WALKED_ROWS));
    sql.push(") as t");
    let rows = platform.query(&sql.text, &sql.params)?;
    Ok(Table::new(&rows)?.only()?.integer()? < WALKED_ROWS)
}

/// The text of a statement, with its parameters in the order of their numbers.
struct Sql {
    text: String,
    params: Vec<Value>,
    dialect: Dialect,
}

impl Sql {
    fn new(dialect: Dialect, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            params: Vec::new(),
            dialect,
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind(&mut self, value: Value) {
        self.params.push(value);
        // Writing to a string cannot fail.
        let _ = write!(self.text, "${}", self.params.len());
    }

    /// Binds a value that the text uses by this name.
    fn named(&mut self, value: Value) -> String {
        self.params.push(value);
        format!("${}", self.params.len())
    }

    /// Keeps only tasks after this position. `sorts`: the index of the order is not used for it. The
    /// unary plus sees to that, whatever statistics SQLite has.
    fn after(&mut self, position: Position, order: Order, columns: &[&str], sorts: bool) {
        self.push(if sorts { "(+" } else { "(" });
        self.push(&columns.join(", "));
        self.push(match order.direction {
            Direction::Asc => ") > (",
            Direction::Desc => ") < (",
        });
        if order.key != SortKey::CreatedAt {
            self.bind(Value::Integer(position.value));
            self.push(", ");
        }
        self.bind(Value::Integer(position.created_at));
        self.push(", ");
        self.bind(Value::Integer(position.id));
        self.push(")");
    }

    /// Sorts the tasks, see [`Sql::after`].
    fn order(&mut self, order: Order, columns: &[&str], sorts: bool) {
        let direction = match order.direction {
            Direction::Asc => "",
            Direction::Desc => " desc",
        };
        self.push(" order by ");
        self.push(if sorts { "+" } else { "" });
        for (index, column) in columns.iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " });
            self.push(column);
            self.push(direction);
        }
    }

    /// Adds all filters and terms.
    fn filters(&mut self, filters: &Filters, driver: Option<&Driver<'_>>) {
        if let Some(driver) = driver {
            self.push(" and ");
            self.driver(driver);
        }
        if let Some(id) = filters.depends_on
            && !matches!(driver, Some(Driver::DependsOn(_)))
        {
            self.push(" and ");
            self.driver(&Driver::DependsOn(id));
        }
        if !filters.are_served_by(driver) {
            self.other_filters(filters);
        }
        self.other_terms(&filters.search);
    }

    /// Keeps only tasks with some of the statuses. An index has the first rows of each status in order,
    /// so that a page costs the same however many tasks have other statuses.
    fn statuses(&mut self, statuses: &[i64], page: &Page) {
        let rows = page.offset.saturating_add(page.limit as i64);
        self.push(" and id in (");
        for branch in 0..STATUSES - 1 {
            self.push(if branch == 0 { "" } else { " union all " });
            self.push("select id from (select id from tasks where status = ");
            // No status is negative.
            self.bind(Value::Integer(*statuses.get(branch).unwrap_or(&-1)));
            self.push(" and ");
            let columns = columns(page.order.key);
            self.after(page.start, page.order, columns, false);
            self.order(page.order, columns, false);
            self.push(" limit ");
            self.bind(Value::Integer(rows));
            let _ = write!(self.text, ") as s{branch}");
        }
        self.push(")");
    }

    /// Adds the condition that an index serves.
    fn driver(&mut self, driver: &Driver<'_>) {
        match driver {
            Driver::Rarest(terms, waiting) => self.rarest(terms, waiting),
            Driver::DependsOn(id) => {
                self.push("id in (select task_id from task_dependencies where dependency_id = ");
                self.bind(Value::Integer(*id));
                self.push(")");
            }
            Driver::Assignee(name, None) => {
                self.push("assignee = ");
                self.bind(Value::Text((*name).to_owned()));
            }
            Driver::Assignee(name, Some(other)) => {
                self.push("assignee in (");
                self.bind(Value::Text((*name).to_owned()));
                self.push(", ");
                self.bind(Value::Text((*other).to_owned()));
                self.push(")");
            }
            Driver::Due(after, before) | Driver::OpenDue(after, before) => {
                if let Driver::OpenDue(..) = driver {
                    // As in the condition of the index.
                    for status in CLOSED {
                        let _ = write!(self.text, "status <> {status} and ");
                    }
                }
                self.push("due_at > ");
                self.bind(Value::Integer(*after));
                self.push(" and due_at < ");
                self.bind(Value::Integer(*before));
            }
            Driver::Case(column, case) => {
                self.push(column);
                self.push(" = ");
                self.bind(Value::Integer(*case));
            }
        }
    }

    /// Adds all filters, also absent ones, and the one that is already the driver.
    fn other_filters(&mut self, filters: &Filters) {
        for (column, case) in [
            ("status", filters.status),
            ("priority", filters.priority),
            ("category", filters.category),
        ] {
            let case = self.named(case.map_or(Value::Null, Value::Integer));
            let _ = write!(self.text, " and ({column} = {case} or {case} is null)");
        }
        let (name, other) = match &filters.assignee {
            None => (Value::Null, Value::Null),
            Some((name, other)) => (
                Value::Text(name.clone()),
                Value::Text(other.as_ref().unwrap_or(name).clone()),
            ),
        };
        let (name, other) = (self.named(name), self.named(other));
        let _ = write!(
            self.text,
            " and (assignee = {name} or assignee = {other} or {name} is null)"
        );
        let (after, before) = match filters.due {
            None => (Value::Null, Value::Null),
            Some((after, before)) => (Value::Integer(after), Value::Integer(before)),
        };
        let (after, before) = (self.named(after), self.named(before));
        let _ = write!(
            self.text,
            " and (due_at > {after} and due_at < {before} or {after} is null)"
        );
        for excluded in 0..STATUSES {
            self.push(" and status <> ");
            // No status is negative.
            self.bind(Value::Integer(
                *filters.excluded.get(excluded).unwrap_or(&-1),
            ));
        }
        self.push(" and (assignee is null or cast(");
        self.bind(Value::Integer(i64::from(filters.unassigned)));
        self.push(" as bigint) = 0)");
    }

    fn rarest(&mut self, terms: &Terms, waiting: &[i64]) {
        self.push("id in (select abs(");
        match terms {
            Terms::Any(terms) => {
                let array = Array::of_texts(terms.iter().map(String::as_str));
                let array = self.named(array.into_value());
                self.push("task_id) from task_terms where ");
                self.push(&arrays::is_in(self.dialect, "term", &array));
            }
            Terms::Prefixes(prefixes) if prefixes.len() == 1 => {
                self.push("task_id) from task_terms where term >= ");
                self.bind(Value::Text(prefixes[0].clone()));
                self.push(" and term <= ");
                self.bind(Value::Text(range_end(&prefixes[0])));
            }
            Terms::Prefixes(_) => {
                let mut ranges = Array::new();
                terms.write(0, &mut ranges);
                let ranges = self.named(ranges.into_value());
                self.push("t.task_id) from ");
                self.ranges(&ranges);
            }
        }
        self.or_waiting(waiting);
        self.push(")");
    }

    /// Adds the waiting tasks to a subquery of ids.
    fn or_waiting(&mut self, waiting: &[i64]) {
        let waiting = self.named(Array::of_integers(waiting).into_value());
        let _ = write!(
            self.text,
            " union all select cast(v.value as bigint) from {}",
            arrays::elements(self.dialect, &waiting)
        );
    }

    fn other_terms(&mut self, search: &Search) {
        if !search.listed.is_empty() {
            self.listed(search);
        }
        if !search.others.is_empty() {
            let mut ranges = Array::new();
            for (number, terms) in search.others.iter().enumerate() {
                terms.write(number, &mut ranges);
            }
            let ranges = self.named(ranges.into_value());
            // The unary plus keeps SQLite from reading the tasks by these ids.
            self.push(" and +id in (select abs(t.task_id) from ");
            self.ranges(&ranges);
            self.push(" group by abs(t.task_id) having count(distinct w.value ->> 0) = ");
            self.bind(Value::Integer(search.others.len() as i64));
            self.or_waiting(&search.waiting);
            self.push(")");
        }
    }

    fn listed(&mut self, search: &Search) {
        let waiting = self.named(Array::of_integers(&search.waiting).into_value());
        let waiting = arrays::is_among(self.dialect, "tasks.id", &waiting);
        match search.listed.as_slice() {
            [terms] => {
                let array = Array::of_texts(terms.iter().map(String::as_str));
                let array = self.named(array.into_value());
                let has_term = arrays::is_in(self.dialect, "term", &array);
                // The offset keeps PostgreSQL from reading all rows with the term into a hash table
                // first: a page needs few of them.
                let probe = |id: &str| {
                    format!(
                        "exists (select 1 from task_terms where task_id = {id} and {has_term} \
                         limit 1 offset 0)"
                    )
                };
                let (own, earlier) = (probe("tasks.id"), probe("-tasks.id"));
                let _ = write!(self.text, " and ({own} or {earlier} or {waiting})");
            }
            sets => {
                let mut array = Array::new();
                for terms in sets {
                    array.array(Array::of_texts(terms.iter().map(String::as_str)));
                }
                let array = self.named(array.into_value());
                let sets = arrays::rows(self.dialect, &array);
                let has_term = arrays::is_in(self.dialect, "term", "w.value");
                let _ = write!(
                    self.text,
                    " and (not exists (select 1 from {sets} where not exists (select 1 \
                     from task_terms where task_id in (tasks.id, -tasks.id) and {has_term})) \
                     or {waiting})"
                );
            }
        }
    }

    /// Adds the rows `t` of the index in the ranges `w` of a parameter.
    fn ranges(&mut self, ranges: &str) {
        let ranges = arrays::rows(self.dialect, ranges);
        // With a cross join, SQLite looks up each range instead of reading the whole index.
        let _ = write!(
            self.text,
            "{ranges} cross join task_terms as t \
             where t.term >= w.value ->> 1 and t.term <= w.value ->> 2"
        );
    }
}

/// The statuses of tasks that nobody works on any more, as stored.
const CLOSED: [i64; 2] = [Status::Completed as i64, Status::Cancelled as i64];

/// Returns the columns that a list is sorted by. The migrations have an index for each, except for the due
/// time: such a list reads every task that matches. Only open tasks with a due time have an index in that
/// order ([`Driver::OpenDue`]).
fn columns(key: SortKey) -> &'static [&'static str] {
    match key {
        SortKey::CreatedAt => &["created_at", "id"],
        SortKey::UpdatedAt => &["updated_at", "created_at", "id"],
        SortKey::Priority => &["priority", "created_at", "id"],
        SortKey::Status => &["status", "created_at", "id"],
        SortKey::DueAt => &["coalesce(due_at, 9223372036854775807)", "created_at", "id"],
    }
}
