//! Figures that are counted from the tasks: from all of them, or from the tasks whose id is at least
//! `first`. With and without `first`, the texts of the statements differ, because PostgreSQL keeps one
//! plan per text and no plan suits both.

use crate::contract::sql::{Dialect, Value};
use crate::contract::tasks::{DayFigures, Status};
use crate::domain::timestamp;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::figures::{ASSIGNEES_MAX, Assignees, CASES, DAYS_MAX, Group, Work, group, work};
use task_host_sdk::rows::Table;

/// Returns the hours of a column as an integer, in millionths. The triggers and rules of the migration
/// compute the same.
pub(super) fn millionths(dialect: Dialect, column: &str) -> String {
    match dialect {
        // A cast truncates, and hours are not negative.
        Dialect::Sqlite => format!("cast({column} * 1000000 + 0.5 as integer)"),
        // A cast rounds.
        Dialect::Postgres => format!("cast(floor({column} * 1000000 + 0.5) as bigint)"),
    }
}

/// Returns the sum of an integer expression, which PostgreSQL would return as a decimal.
pub(super) fn sum(expression: &str) -> String {
    format!("cast(coalesce(sum({expression}), 0) as bigint)")
}

pub(super) fn groups(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Vec<Group>, Error> {
    let dialect = platform.dialect();
    let range = first.map_or("", |_| " where id >= $1");
    let statement = format!(
        "select {CASES}, count(*), count(estimated_hours), {}, count(actual_hours), {} \
         from tasks{range} group by 1 order by 1",
        sum(&millionths(dialect, "estimated_hours")),
        sum(&millionths(dialect, "actual_hours")),
    );
    let params: Vec<Value> = first.into_iter().map(Value::Integer).collect();
    let rows = platform.query(&statement, &params)?;
    Table::new(&rows)?.rows().map(group).collect()
}

pub(super) fn assignees(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Assignees, Error> {
    // One pass over the tasks. Null takes the place of the name of each assignee who is not listed.
    let dialect = platform.dialect();
    let range = first.map_or("", |_| " where id >= $4");
    let statement = format!(
        "with work (name, total, completed, in_progress, estimated, actual) as (\
         select coalesce(assignee, 'unassigned'), count(*), \
         count(case when status = $1 then 1 end), count(case when status = $2 then 1 end), \
         {}, {} from tasks{range} group by 1), \
         ranked as (select work.*, row_number() over (order by total desc, name) as place from work) \
         select case when place <= $3 then name end, {}, {}, {}, {}, {} \
         from ranked group by 1 order by 1",
        sum(&millionths(dialect, "estimated_hours")),
        sum(&millionths(dialect, "actual_hours")),
        sum("total"),
        sum("completed"),
        sum("in_progress"),
        sum("estimated"),
        sum("actual"),
    );
    let params: Vec<Value> = [
        Status::Completed as i64,
        Status::InProgress as i64,
        ASSIGNEES_MAX as i64,
    ]
    .into_iter()
    .chain(first)
    .map(Value::Integer)
    .collect();
    let rows = platform.query(&statement, &params)?;
    let rows = Table::new(&rows)?.rows();
    let mut assignees = Assignees {
        listed: Vec::with_capacity(rows.len()),
        others: Work::default(),
    };
    for mut row in rows {
        let name = row.optional_text()?.map(str::to_owned);
        let work = work(&mut row)?;
        match name {
            Some(name) => assignees.listed.push((name, work)),
            None => assignees.others = work,
        }
    }
    Ok(assignees)
}

pub(super) fn completions(
    platform: &mut impl Platform,
    first: Option<i64>,
) -> Result<Vec<DayFigures>, Error> {
    let range = first.map_or("", |_| " and id >= $3");
    let statement = format!(
        "select completed_at / $1, count(*) from tasks where completed_at is not null{range} \
         group by 1 order by 1 desc limit $2"
    );
    let params: Vec<Value> = [timestamp::DAY_MICROS, DAYS_MAX as i64]
        .into_iter()
        .chain(first)
        .map(Value::Integer)
        .collect();
    let rows = platform.query(&statement, &params)?;
    let days = Table::new(&rows)?.rows().map(|mut row| {
        Ok(DayFigures {
            date: timestamp::date(row.integer()?),
            completed: row.count()?,
        })
    });
    let mut days: Vec<DayFigures> = days.collect::<Result<_, Error>>()?;
    days.reverse();
    Ok(days)
}

pub(super) fn overdue(
    platform: &mut impl Platform,
    first: Option<i64>,
    now: i64,
) -> Result<u64, Error> {
    let range = first.map_or("", |_| " and id >= $4");
    let statement = format!(
        "select count(*) from tasks where due_at < $1 and status <> $2 and status <> $3{range}"
    );
    let params: Vec<Value> = [now, Status::Completed as i64, Status::Cancelled as i64]
        .into_iter()
        .chain(first)
        .map(Value::Integer)
        .collect();
    let rows = platform.query(&statement, &params)?;
    Ok(Table::new(&rows)?.only()?.count()?)
}

/// Counts the tasks of one assignee.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if the result is not
/// work.
pub fn of_assignee(platform: &mut impl Platform, name: &str) -> Result<Work, Error> {
    let dialect = platform.dialect();
    let statement = format!(
        "select count(*), count(case when status = $2 then 1 end), \
         count(case when status = $3 then 1 end), {}, {} from tasks where assignee = $1",
        sum(&millionths(dialect, "estimated_hours")),
        sum(&millionths(dialect, "actual_hours")),
    );
    let params = [
        Value::Text(name.to_owned()),
        Value::Integer(Status::Completed as i64),
        Value::Integer(Status::InProgress as i64),
    ];
    let rows = platform.query(&statement, &params)?;
    work(&mut Table::new(&rows)?.only()?)
}
