//! Builds problems, the answers to requests that fail.

use crate::bindings::task_host::platform::types::{FieldError, Problem};

impl Problem {
    /// Creates a problem with an HTTP status of 400 to 599, a stable code in kebab-case, and a title that is always
    /// the same for the code.
    ///
    /// ```
    /// use task_host_sdk::prelude::*;
    ///
    /// let problem = Problem::new(409, "out-of-stock", "The item is out of stock")
    ///     .with_detail("Only 3 are left.")
    ///     .with_error("#/count", "At most 3 can be ordered.");
    /// assert_eq!(problem.status, 409);
    /// ```
    pub fn new(status: u16, code: &str, title: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            title: title.to_owned(),
            detail: None,
            errors: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// Sets what happened this time, as a sentence for a person.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an error at a location: `#/title` in the body, `#/query/limit` or `#/path/id`.
    #[must_use]
    pub fn with_error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// Adds a string member to the body of the answer.
    #[must_use]
    pub fn with_extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }
}
