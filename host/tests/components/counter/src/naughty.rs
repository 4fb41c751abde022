//! Breaks the rules. Each function tests one of the host's limits.

use std::hint::black_box;
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Component;
use crate::bindings::exports::toys::counters::naughty::{
    Announcement, Guest, Outcome, OutcomeKind,
};
use crate::bindings::task_host::platform::events::{self, Event};
use crate::bindings::task_host::platform::log;
use crate::bindings::task_host::platform::sql::{self, Value};
use crate::bindings::task_host::platform::types::Problem;
use crate::bindings::wasi::clocks::wall_clock::{self, Datetime};
use crate::bindings::wasi::random::random;
use crate::problems;
use crate::table::{Table, execute, text};

/// Counts the calls to this instance. It never exceeds 1, because each call gets a new instance.
static CALLS: AtomicU32 = AtomicU32::new(0);

impl Guest for Component {
    fn trap() -> Result<(), Problem> {
        panic!("on purpose");
    }

    fn endless_loop() -> Result<(), Problem> {
        loop_forever()
    }

    fn endless_calls() -> Result<(), Problem> {
        loop {
            black_box(sql::engine());
        }
    }

    fn recursion() -> Result<u64, Problem> {
        Ok(recurse(0))
    }

    fn memory(mebibytes: u32) -> Result<u32, Problem> {
        for _ in 0..mebibytes {
            mem::forget(black_box(vec![1u8; 1 << 20]));
        }
        Ok(mebibytes)
    }

    fn calls_seen() -> Result<u32, Problem> {
        Ok(CALLS.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn log(bytes: u32, times: u32) -> Result<(), Problem> {
        let message = "x".repeat(bytes as usize);
        for _ in 0..times {
            log::write(log::Level::Info, &message, &[]);
        }
        Ok(())
    }

    fn parameters(bytes: u32, times: u32) -> Result<u64, Problem> {
        let params = [Value::Text("x".repeat(bytes as usize))];
        let mut length = 0;
        for _ in 0..times {
            let table = Table::query("select length(cast($1 as text))", &params)?;
            length += table.integer(0, 0).cast_unsigned();
        }
        Ok(length)
    }

    fn large_result(bytes: u32) -> Result<String, Problem> {
        Ok("x".repeat(bytes as usize))
    }

    fn statements(count: u32) -> Result<u32, Problem> {
        for _ in 0..count {
            Table::query("select 1", &[])?;
        }
        Ok(count)
    }

    fn rows(count: u32) -> Result<u32, Problem> {
        let statement = "with recursive numbers (n) as (
                select cast(1 as bigint)
                union all select n + 1 from numbers where n < $1)
            select n from numbers";
        let table = Table::query(statement, &[Value::Integer(count.into())])?;
        Ok(table.len() as u32)
    }

    fn wide_rows(count: u32, bytes: u32) -> Result<u32, Problem> {
        let statement = "with recursive numbers (n) as (
                select cast(1 as bigint)
                union all select n + 1 from numbers where n < $1)
            select cast($2 as text) from numbers";
        let wide = Value::Text("x".repeat(bytes as usize));
        let table = Table::query(statement, &[Value::Integer(count.into()), wide])?;
        Ok(table.len() as u32)
    }

    fn slow_sql() -> Result<u64, Problem> {
        let statement = "with recursive ones (n) as (select 1 union all select n from ones)
            select count(*) from ones";
        let table = Table::query(statement, &[])?;
        Ok(table.integer(0, 0).cast_unsigned())
    }

    fn not_a_number() -> Result<f64, Problem> {
        Ok(f64::NAN)
    }

    fn infinity() -> Result<Vec<f32>, Problem> {
        Ok(vec![1.5, f32::NEG_INFINITY])
    }

    fn repeated_key() -> Result<Vec<(String, u32)>, Problem> {
        Ok(vec![("key".to_owned(), 1), ("key".to_owned(), 2)])
    }

    fn scribble() -> Result<u64, Problem> {
        scribble()
    }

    fn ignore_failure() -> Result<bool, Problem> {
        scribble()?;
        Ok(sql::query("select nothing from nowhere", &[]).is_err())
    }

    fn write_then_trap() -> Result<(), Problem> {
        scribble()?;
        panic!("on purpose, after a write");
    }

    fn write_then_problem() -> Result<(), Problem> {
        scribble()?;
        let detail = "The write must be rolled back.".to_owned();
        Err(problems::problem(409, "on-purpose", "On purpose", detail))
    }

    fn write_then_loop() -> Result<(), Problem> {
        scribble()?;
        loop_forever()
    }

    fn write_then_not_a_number() -> Result<f64, Problem> {
        scribble()?;
        Ok(f64::NAN)
    }

    fn sql(statement: String) -> Result<Outcome, Problem> {
        let lower = statement.trim_start().to_ascii_lowercase();
        let reads = ["select", "with", "values", "pragma", "explain"];
        let returns = reads.iter().any(|word| lower.starts_with(word));
        let outcome = if returns || lower.contains("returning") {
            let rows = sql::query(&statement, &[]);
            rows.map(|rows| {
                (
                    OutcomeKind::Rows,
                    rows.cells.len() as u64 / u64::from(rows.width.max(1)),
                )
            })
        } else {
            sql::execute(&statement, &[]).map(|count| (OutcomeKind::Changed, count))
        };
        Ok(match outcome {
            Ok((kind, count)) => Outcome {
                kind,
                count,
                detail: None,
            },
            Err(failure) => Outcome {
                kind: OutcomeKind::Failed,
                count: 0,
                detail: Some(failure.detail),
            },
        })
    }

    fn random(len: u64) -> Result<Vec<u8>, Problem> {
        Ok(random::get_random_bytes(len))
    }

    fn clock() -> Result<(Datetime, Datetime), Problem> {
        let before = wall_clock::now();
        for n in 0..1_000_000 {
            black_box(n);
        }
        Ok((before, wall_clock::now()))
    }

    fn publish(announcement: Announcement) -> Result<u32, Problem> {
        for number in 0..announcement.times {
            events::publish(&event(&announcement.kind, number));
        }
        Ok(announcement.times)
    }

    fn publish_then_problem() -> Result<(), Problem> {
        events::publish(&event("naughty.problem", 0));
        let detail = "The event must be discarded.".to_owned();
        Err(problems::problem(409, "on-purpose", "On purpose", detail))
    }

    fn publish_then_trap() -> Result<(), Problem> {
        events::publish(&event("naughty.trap", 0));
        panic!("on purpose, after an event");
    }

    fn wrong_status(status: u16) -> Result<(), Problem> {
        let detail = "This is not an error status.".to_owned();
        Err(problems::problem(
            status,
            "on-purpose",
            "On purpose",
            detail,
        ))
    }
}

/// Writes a counter named `scribble`. If it was committed, GET /counters/scribble returns it.
fn scribble() -> Result<u64, Problem> {
    execute(
        "insert into counters (name, value, step, color, version) values ($1, 0, 1, 'red', 1)
         on conflict (name) do update set version = counters.version + 1",
        &[text("scribble")],
    )
}

fn event(kind: &str, number: u32) -> Event {
    Event {
        kind: kind.to_owned(),
        subject: number.to_string(),
        attributes: Vec::new(),
    }
}

fn loop_forever() -> ! {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

#[expect(unconditional_recursion, reason = "it must overflow the stack")]
fn recurse(depth: u64) -> u64 {
    // The addition after the call keeps the compiler from turning it into a loop.
    black_box(recurse(black_box(depth + 1))) + 1
}
