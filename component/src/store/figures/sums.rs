//! Sums over all tasks that every write keeps up to date.
//!
//! When a row of `tasks` changes, triggers (SQLite) or rules (PostgreSQL) of the migration add its
//! shares to `task_changes`. [`fold`] moves them into `task_sums`. So the sums are those of
//! `task_sums` and `task_changes` together, and every statement here adds both.
//!
//! `task_sums_state` says whether all tasks are in the sums. [`begin`] and [`step`] count them, also
//! while others write: a task with an id up to `counting_to` belongs to a step, every later one has
//! been in the sums since it was created. The shares of another count have another epoch and are
//! ignored. On PostgreSQL this relies on serializable transactions: a write that does not see a step
//! which counts its task conflicts with the step, because both read what the other writes.

use std::collections::BTreeMap;

use crate::contract::sql::Value;
use crate::contract::tasks::{DayFigures, Status};
use crate::domain::timestamp::{self, DAY_MICROS};
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array};
use crate::store::figures::counted::{millionths, sum};
use crate::store::figures::{ASSIGNEES_MAX, Assignees, CASES, DAYS_MAX, Group, Work, group, work};
use task_host_sdk::rows::Table;

/// The shares that are not in `task_sums` yet, for a statement's `from`.
const CHANGES: &str = "task_changes where epoch = coalesce(\
                       (select s.epoch from task_sums_state as s), 0)";

/// The columns of a share.
const SHARE: &str = "weight, status, priority, category, assignee, estimated, actual, \
                     completed_day, due_day";

/// Number of shares that are added to `task_changes` between two folds, on average. Reading figures
/// reads all of them.
const FOLD_AFTER: i64 = 256;

/// Number of ids that a fold counts, if the sums are not complete. On PostgreSQL, writes that happen
/// at the same time may have to run again.
const IDS_A_FOLD: i64 = 500;

/// A count of all tasks that has begun or must begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    epoch: i64,
    counted_to: i64,
    counting_to: i64,
}

impl State {
    /// Whether all tasks are in the sums.
    pub fn is_complete(self) -> bool {
        self.counted_to >= self.counting_to
    }

    /// Whether the count has begun, so that new tasks are in the sums.
    pub fn has_begun(self) -> bool {
        self.counting_to < i64::MAX
    }

    /// Returns how many ids are not counted. Some of them may have no task any more.
    pub fn remaining(self) -> u64 {
        self.counting_to.abs_diff(self.counted_to)
    }
}

/// Returns the state of the last count. `None`: no count is kept, and all tasks are in the sums.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not a
/// state.
pub fn state(platform: &mut impl Platform) -> Result<Option<State>, Error> {
    let statement = "select epoch, counted_to, counting_to from task_sums_state";
    let rows = platform.query(statement, &[])?;
    let Some(mut row) = Table::new(&rows)?.rows().next() else {
        return Ok(None);
    };
    Ok(Some(State {
        epoch: row.integer()?,
        counted_to: row.integer()?,
        counting_to: row.integer()?,
    }))
}

/// Begins a new count: nothing is in the sums.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result is not a
/// number.
pub fn begin(platform: &mut impl Platform, last: Option<State>) -> Result<State, Error> {
    let rows = platform.query("select coalesce(max(id), 0) from tasks", &[])?;
    let state = State {
        epoch: last.map_or(0, |last| last.epoch) + 1,
        counted_to: 0,
        counting_to: Table::new(&rows)?.only()?.integer()?,
    };
    platform.execute("delete from task_changes", &[])?;
    platform.execute("delete from task_sums", &[])?;
    platform.execute("delete from task_sums_state", &[])?;
    platform.execute(
        "insert into task_sums_state (epoch, counted_to, counting_to) values ($1, $2, $3)",
        &[state.epoch, state.counted_to, state.counting_to].map(Value::Integer),
    )?;
    Ok(state)
}

/// Counts the tasks with the next `ids` ids. Returns the state afterwards.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn step(platform: &mut impl Platform, state: State, ids: i64) -> Result<State, Error> {
    let end = state.counted_to.saturating_add(ids).min(state.counting_to);
    let shares = format!(
        "select 1, status, priority, category, assignee, {}, {}, completed_at / {DAY_MICROS}, \
         case when status in (0, 1, 3) then due_at / {DAY_MICROS} end \
         from tasks where id > $1 and id <= $2",
        millionths(platform.dialect(), "estimated_hours"),
        millionths(platform.dialect(), "actual_hours"),
    );
    let range = [state.counted_to, end].map(Value::Integer);
    add(platform, &shares, &range)?;
    let statement = "update task_sums_state set counted_to = $1";
    platform.execute(statement, &[Value::Integer(end)])?;
    Ok(State {
        counted_to: end,
        ..state
    })
}

/// Folds after some writes: of many requests, about one in [`FOLD_AFTER`] for each share that they
/// have added. Chance decides, because a counter would be one more row that all writes share.
///
/// # Errors
/// The same as [`fold`].
pub fn fold_sometimes(platform: &mut impl Platform, shares: usize) -> Result<(), Error> {
    let chance = timestamp::micros(platform.now()) % FOLD_AFTER;
    if chance >= shares as i64 {
        return Ok(());
    }
    fold(platform)?;
    match state(platform)? {
        Some(state) if !state.has_begun() => begin(platform, Some(state)).map(drop),
        Some(state) if !state.is_complete() => step(platform, state, IDS_A_FOLD).map(drop),
        _ => Ok(()),
    }
}

/// Moves all shares into the sums.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn fold(platform: &mut impl Platform) -> Result<(), Error> {
    add(platform, &format!("select {SHARE} from {CHANGES}"), &[])?;
    platform.execute("delete from task_changes", &[])?;
    let empty = "delete from task_sums where kind in (1, 2, 3) and tasks = 0";
    platform.execute(empty, &[])?;
    Ok(())
}

/// Adds the shares that a query returns.
fn add(platform: &mut impl Platform, shares: &str, params: &[Value]) -> Result<(), Error> {
    let statement = format!(
        "with f ({SHARE}) as ({shares}), \
         g (kind, number, name, weight, status, estimated, actual) as (\
         select 0, {CASES}, '', weight, status, estimated, actual from f union all \
         select 1, 0, coalesce(assignee, 'unassigned'), weight, status, estimated, actual from f \
         union all select 2, completed_day, '', weight, status, estimated, actual from f \
         where completed_day is not null \
         union all select 3, due_day, '', weight, status, estimated, actual from f \
         where due_day is not null) \
         insert into task_sums (kind, number, name, tasks, completed, in_progress, estimates, \
         estimated, actuals, actual) select kind, number, name, {} from g \
         group by kind, number, name on conflict (kind, number, name) do update set \
         tasks = task_sums.tasks + excluded.tasks, \
         completed = task_sums.completed + excluded.completed, \
         in_progress = task_sums.in_progress + excluded.in_progress, \
         estimates = task_sums.estimates + excluded.estimates, \
         estimated = task_sums.estimated + excluded.estimated, \
         actuals = task_sums.actuals + excluded.actuals, \
         actual = task_sums.actual + excluded.actual",
        [
            sum("weight"),
            of_status(Status::Completed),
            of_status(Status::InProgress),
            given("estimated"),
            sum("weight * estimated"),
            given("actual"),
            sum("weight * actual"),
        ]
        .join(", ")
    );
    platform.execute(&statement, params)?;
    Ok(())
}

/// The number of shares with a status.
fn of_status(status: Status) -> String {
    sum(&format!(
        "case when status = {} then weight end",
        status as i64
    ))
}

/// The number of shares that have a value in a column.
fn given(column: &str) -> String {
    sum(&format!("case when {column} is not null then weight end"))
}

/// Counts all tasks. Returns `None` if not all are in the sums.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not a
/// number.
pub fn total(platform: &mut impl Platform) -> Result<Option<i64>, Error> {
    let statement = format!(
        "select (select count(*) from task_sums_state where counted_to < counting_to), \
         (select {} from task_sums where kind = 0) + (select {} from {CHANGES})",
        sum("tasks"),
        sum("weight")
    );
    let rows = platform.query(&statement, &[])?;
    let mut row = Table::new(&rows)?.only()?;
    let (counting, total) = (row.count()?, row.integer()?);
    Ok((counting == 0).then_some(total))
}

/// Reads the groups.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a group.
pub fn groups(platform: &mut impl Platform) -> Result<Vec<Group>, Error> {
    let statement = format!(
        "select number, {}, {}, {}, {}, {} from (\
         select number, tasks, estimates, estimated, actuals, actual from task_sums where kind = 0 \
         union all select {CASES}, weight, case when estimated is not null then weight end, \
         weight * estimated, case when actual is not null then weight end, weight * actual \
         from {CHANGES}) as g group by number having sum(tasks) <> 0 order by number",
        sum("tasks"),
        sum("estimates"),
        sum("estimated"),
        sum("actuals"),
        sum("actual"),
    );
    let rows = platform.query(&statement, &[])?;
    Table::new(&rows)?.rows().map(group).collect()
}

const WORK: &str = "name, tasks, completed, in_progress, estimated, actual";

/// Reads the assignees with the most tasks. An assignee without a share has the sums of `task_sums`,
/// so the listed ones are among the first of these and the assignees with shares.
pub(super) fn assignees(
    platform: &mut impl Platform,
    groups: &[Group],
) -> Result<Assignees, Error> {
    let changed = format!(
        "select coalesce(assignee, 'unassigned'), {}, {}, {}, {}, {} from {CHANGES} group by 1",
        sum("weight"),
        of_status(Status::Completed),
        of_status(Status::InProgress),
        sum("weight * estimated"),
        sum("weight * actual"),
    );
    let changed = by_name(platform, &changed, &[])?;
    let largest = format!(
        "select {WORK} from task_sums where kind = 1 and tasks > 0 \
         order by tasks desc, name limit $1"
    );
    let limit = Value::Integer((ASSIGNEES_MAX + changed.len()) as i64);
    let mut all: BTreeMap<String, Work> =
        by_name(platform, &largest, &[limit])?.into_iter().collect();
    if !changed.is_empty() {
        let named = format!(
            "select {WORK} from task_sums where kind = 1 and number = 0 and {}",
            arrays::is_in(platform.dialect(), "name", "$1")
        );
        let names = Array::of_texts(changed.iter().map(|(name, _)| name.as_str()));
        all.extend(by_name(platform, &named, &[names.into_value()])?);
        for (name, change) in changed {
            let work = all.entry(name).or_default();
            *work = work.plus(change);
        }
    }
    let mut listed: Vec<(String, Work)> =
        all.into_iter().filter(|(_, work)| work.total > 0).collect();
    // Stable: those with the same number of tasks stay sorted by name.
    listed.sort_by_key(|(_, work)| -work.total);
    listed.truncate(ASSIGNEES_MAX);
    listed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let others = listed
        .iter()
        .fold(Work::of(groups), |rest, (_, work)| rest.minus(*work));
    Ok(Assignees { listed, others })
}

fn by_name(
    platform: &mut impl Platform,
    statement: &str,
    params: &[Value],
) -> Result<Vec<(String, Work)>, Error> {
    let rows = platform.query(statement, params)?;
    let rows = Table::new(&rows)?.rows();
    let mut found = Vec::with_capacity(rows.len());
    for mut row in rows {
        found.push((row.text()?.to_owned(), work(&mut row)?));
    }
    Ok(found)
}

impl Work {
    fn of(groups: &[Group]) -> Self {
        let mut all = Self::default();
        for group in groups {
            let count = group.count as i64;
            all.total += count;
            all.completed += i64::from(group.status == Status::Completed) * count;
            all.in_progress += i64::from(group.status == Status::InProgress) * count;
            all.estimated += group.estimated;
            all.actual += group.actual;
        }
        all
    }

    fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            completed: self.completed + other.completed,
            in_progress: self.in_progress + other.in_progress,
            estimated: self.estimated + other.estimated,
            actual: self.actual + other.actual,
        }
    }

    fn minus(self, other: Self) -> Self {
        self.plus(Self {
            total: -other.total,
            completed: -other.completed,
            in_progress: -other.in_progress,
            estimated: -other.estimated,
            actual: -other.actual,
        })
    }
}

pub(super) fn completions(platform: &mut impl Platform) -> Result<Vec<DayFigures>, Error> {
    let changed = format!(
        "select completed_day, {} from {CHANGES} and completed_day is not null group by 1",
        sum("weight")
    );
    let changed = by_day(platform, &changed, &[])?;
    let latest = "select number, tasks from task_sums where kind = 2 and tasks > 0 \
                  order by number desc limit $1";
    let limit = DAYS_MAX + changed.len();
    let latest = by_day(platform, latest, &[Value::Integer(limit as i64)])?;
    // Days before these are not listed, whatever their shares are.
    let oldest = (latest.len() == limit).then(|| latest[limit - 1].0);
    let mut days: BTreeMap<i64, i64> = latest.into_iter().collect();
    for (day, change) in changed {
        if oldest.is_none_or(|oldest| day >= oldest) {
            *days.entry(day).or_default() += change;
        }
    }
    days.retain(|_, tasks| *tasks > 0);
    let skipped = days.len().saturating_sub(DAYS_MAX);
    let listed = days
        .into_iter()
        .skip(skipped)
        .map(|(day, tasks)| DayFigures {
            date: timestamp::date(day),
            completed: tasks.unsigned_abs(),
        });
    Ok(listed.collect())
}

fn by_day(
    platform: &mut impl Platform,
    statement: &str,
    params: &[Value],
) -> Result<Vec<(i64, i64)>, Error> {
    let rows = platform.query(statement, params)?;
    let days = Table::new(&rows)?.rows();
    days.map(|mut row| Ok((row.integer()?, row.integer()?)))
        .collect()
}

/// The tasks that were due on an earlier day are in the sums. Only those that are due today are read.
pub(super) fn overdue(platform: &mut impl Platform, now: i64) -> Result<u64, Error> {
    let today = now / DAY_MICROS;
    let statement = format!(
        "select (select {} from task_sums where kind = 3 and number < $1) \
         + (select {} from {CHANGES} and due_day < $1) \
         + (select count(*) from tasks where due_at >= $2 and due_at < $3 \
         and status <> $4 and status <> $5)",
        sum("tasks"),
        sum("weight")
    );
    let params = [
        today,
        today * DAY_MICROS,
        now,
        Status::Completed as i64,
        Status::Cancelled as i64,
    ];
    let rows = platform.query(&statement, &params.map(Value::Integer))?;
    Ok(Table::new(&rows)?.only()?.count()?)
}

/// A sum that can be compared with the tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The assignee.
    pub name: String,
    /// What the sums say.
    pub work: Work,
}

/// Returns the sums of some assignees with at most `tasks` tasks each. All shares must be folded.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not work.
pub fn sample(platform: &mut impl Platform, tasks: i64, limit: i64) -> Result<Vec<Sample>, Error> {
    // Tasks without an assignee have the same name, but no index finds them.
    let statement = format!(
        "select {WORK} from task_sums where kind = 1 and tasks <= $1 and name <> 'unassigned' \
         order by tasks desc, name limit $2"
    );
    let found = by_name(platform, &statement, &[tasks, limit].map(Value::Integer))?;
    let samples = found.into_iter().map(|(name, work)| Sample { name, work });
    Ok(samples.collect())
}
