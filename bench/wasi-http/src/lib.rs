//! The task rules behind `wasi:http`, as `wasmtime serve` runs them: what the benchmark compares
//! the host with.
//!
//! It reads HTTP and JSON itself, and has no SQL: a request that would need some fails with 500. So
//! it answers what the rules alone decide, which is that a new task is refused.

#![warn(missing_docs)]

mod draft;
mod http;
mod problem;

use tasks::contract::Datetime;
use tasks::contract::events::Event;
use tasks::contract::log::Level;
use tasks::contract::sql::{Cause, Failure, Rows, Value};
use tasks::contract::tasks::Task;
use tasks::contract::types::Problem;
use tasks::operations;
use tasks::platform::Platform;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, Method, ResponseOutparam};

// A native library cannot export names such as these.
#[cfg(target_arch = "wasm32")]
wasip2::http::proxy::export!(Server);

/// What answers requests.
pub struct Server;

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match (request.method(), path.as_str()) {
            (Method::Get, "/readyz") => http::answer(out, 200, "application/json", "{}"),
            (Method::Post, "/tasks") => match create(&http::body(&request)) {
                // Not reached: there is no SQL to create a task with.
                Ok(task) => http::answer(out, 201, "application/json", &task.id.to_string()),
                Err(problem) => problem::answer(out, &problem),
            },
            _ => http::answer(out, 404, "application/json", "{}"),
        }
    }
}

fn create(body: &[u8]) -> Result<Task, Box<Problem>> {
    let draft = draft::read(body)?;
    let mut outside = Outside;
    operations::create(&mut outside, draft)
        .map_err(|refusal| Box::new(refusal.into_problem(&mut outside)))
}

/// An outside without a database.
struct Outside;

impl Platform for Outside {
    fn query(&mut self, _: &str, _: &[Value]) -> Result<Rows, Failure> {
        Err(without_sql())
    }

    fn execute(&mut self, _: &str, _: &[Value]) -> Result<u64, Failure> {
        Err(without_sql())
    }

    fn now(&self) -> Datetime {
        let now = wasip2::clocks::wall_clock::now();
        Datetime {
            seconds: now.seconds,
            nanoseconds: now.nanoseconds,
        }
    }

    fn publish(&mut self, _: &Event) {}

    fn log(&mut self, _: Level, _: &str, _: &[(String, String)]) {}
}

fn without_sql() -> Failure {
    Failure {
        cause: Cause::Other,
        constraint: None,
        detail: "there is no database".to_owned(),
    }
}
