//! The problems that the logic answers with.

use crate::bindings::task_host::platform::log;
use crate::bindings::task_host::platform::sql::Failure;
use crate::bindings::task_host::platform::types::{FieldError, Problem};

/// There is no counter of that name.
pub fn not_found(name: &str) -> Problem {
    let detail = format!("There is no counter {name}.");
    problem(404, "counter-not-found", "Counter not found", detail)
}

/// There is a counter of that name already.
pub fn exists(name: &str) -> Problem {
    let detail = format!("There is a counter {name} already.");
    problem(409, "counter-exists", "Counter exists", detail)
}

/// The sum does not fit.
pub fn overflow(name: &str) -> Problem {
    let detail = format!("The counter {name} would pass the largest 64-bit number.");
    problem(409, "counter-overflow", "Counter overflow", detail)
}

/// A value is outside its range.
pub fn invalid(pointer: &str, detail: &str) -> Problem {
    let mut problem = problem(422, "invalid-value", "Invalid value", detail.to_owned());
    problem.errors.push(FieldError {
        pointer: pointer.to_owned(),
        detail: detail.to_owned(),
    });
    problem
}

/// A statement failed that never should: the engine's words go to the log alone.
pub fn defect(failure: Failure) -> Problem {
    let fields = [("db.error".to_owned(), failure.detail)];
    log::write(log::Level::Error, "a statement failed", &fields);
    let detail = "The service cannot do this now.".to_owned();
    problem(500, "defect", "Internal error", detail)
}

/// A problem without fields.
pub fn problem(status: u16, code: &str, title: &str, detail: String) -> Problem {
    Problem {
        status,
        code: code.to_owned(),
        title: title.to_owned(),
        detail: Some(detail),
        errors: Vec::new(),
        extensions: Vec::new(),
    }
}
