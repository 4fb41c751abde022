//! Counters in the database.
//!
//! SQL integers are signed and counters are not. A value is stored with its highest bit flipped, so
//! that every `u64` fits, sorts and compares correctly.

use crate::bindings::exports::toys::counters::counters::{Color, Counter, CounterFilter};
use crate::bindings::task_host::platform::sql::Value;
use crate::bindings::task_host::platform::types::Problem;
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::table::{Table, execute, text};

/// The first step of the schema, for both engines.
pub const TABLES: &str = "
    create table counters (
        name text primary key,
        value bigint not null,
        step bigint not null,
        color text not null check (color in ('red', 'green', 'sky-blue')),
        changed_seconds bigint,
        changed_nanoseconds bigint,
        version bigint not null
    );
    create table remarks (
        counter text not null references counters (name) on delete cascade,
        place bigint not null,
        subject text not null,
        remark text not null,
        primary key (counter, place)
    );
";

/// The second step.
pub const INDEX: &str = "create index counters_by_color on counters (color, name);";

const COLUMNS: &str =
    "name, value, step, color, changed_seconds, changed_nanoseconds, version from counters";

/// Reads a counter.
pub fn find(name: &str) -> Result<Option<Counter>, Problem> {
    let statement = format!("select {COLUMNS} where name = $1");
    let table = Table::query(&statement, &[text(name)])?;
    if table.len() == 0 {
        return Ok(None);
    }
    counter(&table, 0).map(Some)
}

/// Reads the counters after the cursor, sorted by name. Reads one more than the limit, to show whether
/// there is a next page.
pub fn list(filter: &CounterFilter, limit: usize) -> Result<Vec<Counter>, Problem> {
    let prefix = filter.prefix.as_deref().unwrap_or_default();
    let mut params = vec![
        text(filter.cursor.as_deref().unwrap_or_default()),
        text(prefix),
        Value::Integer(flip_sign(filter.minimum.unwrap_or(0)).cast_signed()),
        Value::Integer(limit as i64 + 1),
    ];
    let mut conditions = "name > $1
        and substr(name, 1, length(cast($2 as text))) = $2
        and value >= $3"
        .to_owned();
    if let Some(colors) = &filter.colors {
        let mut placeholders = vec!["null".to_owned()];
        for color in colors {
            params.push(text(word(*color)));
            placeholders.push(format!("${}", params.len()));
        }
        conditions += &format!(" and color in ({})", placeholders.join(", "));
    }
    let statement = format!("select {COLUMNS} where {conditions} order by name limit $4");
    let table = Table::query(&statement, &params)?;
    (0..table.len()).map(|row| counter(&table, row)).collect()
}

/// Inserts a counter or replaces the one with its name.
pub fn save(counter: &Counter, version: u64) -> Result<(), Problem> {
    let (seconds, nanoseconds) = counter.changed_at.map_or((Value::Null, Value::Null), |at| {
        (
            Value::Integer(at.seconds.cast_signed()),
            Value::Integer(at.nanoseconds.into()),
        )
    });
    execute(
        "insert into counters
            (name, value, step, color, changed_seconds, changed_nanoseconds, version)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (name) do update set
            value = excluded.value, step = excluded.step, color = excluded.color,
            changed_seconds = excluded.changed_seconds,
            changed_nanoseconds = excluded.changed_nanoseconds, version = excluded.version",
        &[
            text(&counter.name),
            Value::Integer(flip_sign(counter.value).cast_signed()),
            Value::Integer(counter.step.into()),
            text(word(counter.color)),
            seconds,
            nanoseconds,
            Value::Integer(version.cast_signed()),
        ],
    )?;
    execute(
        "delete from remarks where counter = $1",
        &[text(&counter.name)],
    )?;
    for (place, (subject, remark)) in counter.remarks.iter().enumerate() {
        execute(
            "insert into remarks (counter, place, subject, remark) values ($1, $2, $3, $4)",
            &[
                text(&counter.name),
                Value::Integer(place as i64),
                text(subject),
                text(remark),
            ],
        )?;
    }
    Ok(())
}

/// Deletes a counter. Returns whether it existed.
pub fn remove(name: &str) -> Result<bool, Problem> {
    let deleted = execute("delete from counters where name = $1", &[text(name)])?;
    Ok(deleted > 0)
}

/// Returns the number of counters.
pub fn count() -> Result<i64, Problem> {
    let table = Table::query("select count(*) from counters", &[])?;
    Ok(table.integer(0, 0))
}

fn counter(table: &Table, row: usize) -> Result<Counter, Problem> {
    let name = table.text(row, 0);
    let changed_at = table.integer_or_null(row, 4).map(|seconds| Datetime {
        seconds: seconds.cast_unsigned(),
        nanoseconds: table.integer(row, 5) as u32,
    });
    Ok(Counter {
        value: flip_sign(table.integer(row, 1).cast_unsigned()),
        step: table.integer(row, 2) as u32,
        color: color(&table.text(row, 3)),
        remarks: remarks(&name)?,
        changed_at,
        version: format!("v{}", table.integer(row, 6)),
        name,
    })
}

fn remarks(counter: &str) -> Result<Vec<(String, String)>, Problem> {
    let statement = "select subject, remark from remarks where counter = $1 order by place";
    let table = Table::query(statement, &[text(counter)])?;
    Ok((0..table.len())
        .map(|row| (table.text(row, 0), table.text(row, 1)))
        .collect())
}

/// Flips the highest bit. It is its own inverse.
fn flip_sign(value: u64) -> u64 {
    value ^ (1 << 63)
}

fn word(color: Color) -> &'static str {
    match color {
        Color::Red => "red",
        Color::Green => "green",
        Color::SkyBlue => "sky-blue",
    }
}

fn color(word: &str) -> Color {
    match word {
        "green" => Color::Green,
        "sky-blue" => Color::SkyBlue,
        _ => Color::Red,
    }
}
