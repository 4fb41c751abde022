//! The problems that the logic returns.

use crate::bindings::task_host::platform::log;
use crate::bindings::task_host::platform::sql::Failure;
use crate::bindings::task_host::platform::types::{FieldError, Problem};

/// No counter has this name.
pub fn not_found(name: &str) -> Problem {
    let detail = format!("There is no counter {name}.");
    problem(404, "counter-not-found", "Counter not found", detail)
}

/// A counter with this name already exists.
pub fn exists(name: &str) -> Problem {
    let detail = format!("A counter {name} already exists.");
    problem(409, "counter-exists", "Counter exists", detail)
}

/// The sum does not fit in 64 bits.
pub fn overflow(name: &str) -> Problem {
    let detail = format!("The counter {name} would exceed the largest 64-bit number.");
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

/// A statement failed, which is a defect. The engine's message is only logged.
pub fn defect(failure: Failure) -> Problem {
    let fields = [("db.error".to_owned(), failure.detail)];
    log::write(log::Level::Error, "a statement failed", &fields);
    let detail = "The service cannot do this at the moment.".to_owned();
    problem(500, "defect", "Internal error", detail)
}

/// Creates a problem without field errors.
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
