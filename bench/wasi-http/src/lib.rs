//! The task rules behind `wasi:http`, run by `wasmtime serve`. The benchmark compares the host with
//! it.
//!
//! This component handles HTTP and JSON itself and has no SQL: a request that needs SQL fails with
//! 500. It can therefore only serve requests that the rules alone decide: it rejects an invalid new
//! task.

#![warn(missing_docs)]

mod draft;
mod http;
mod problem;

use tasks::contract::Datetime;
use tasks::contract::events::Event;
use tasks::contract::log::Level;
use tasks::contract::sql::{Cause, Dialect, Failure, Rows, Value};
use tasks::contract::tasks::Task;
use tasks::contract::types::Problem;
use tasks::operations;
use tasks::platform::Platform;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, Method, ResponseOutparam};

// A native library cannot export these symbols.
#[cfg(target_arch = "wasm32")]
wasip2::http::proxy::export!(Server);

/// Handles the requests.
pub struct Server;

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match (request.method(), path.as_str()) {
            (Method::Get, "/readyz") => http::respond(out, 200, "application/json", "{}"),
            (Method::Post, "/tasks") => match create(&http::body(&request)) {
                // Never reached, because creating a task needs SQL.
                Ok(task) => http::respond(out, 201, "application/json", &task.id.to_string()),
                Err(problem) => problem::respond(out, &problem),
            },
            _ => http::respond(out, 404, "application/json", "{}"),
        }
    }
}

fn create(body: &[u8]) -> Result<Task, Box<Problem>> {
    let draft = draft::read(body)?;
    let mut platform = NoDatabase;
    operations::create(&mut platform, draft)
        .map_err(|error| Box::new(error.into_problem(&mut platform)))
}

/// A platform without a database.
struct NoDatabase;

impl Platform for NoDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

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
