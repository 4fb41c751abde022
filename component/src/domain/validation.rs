//! The rules for single fields, and a validator that collects every error.
//!
//! Validation does not stop at the first error: the client receives them at once, up to
//! [`ERRORS_MAX`], each with its location. Lengths count Unicode scalar values.

use crate::contract::Datetime;
use crate::contract::types::FieldError;
use crate::domain::timestamp;
use crate::error::Error;

/// Minimum number of characters in a title, not counting white space at either end.
pub const TITLE_MIN: usize = 3;
/// Maximum number of characters in a title.
pub const TITLE_MAX: usize = 200;
/// Maximum number of characters in a description.
pub const DESCRIPTION_MAX: usize = 2_000;
/// Maximum number of characters in an assignee's name.
pub const ASSIGNEE_MAX: usize = 100;
/// Maximum number of tags of a task, counting duplicates.
pub const TAGS_MAX: usize = 10;
/// Maximum number of characters in a tag.
pub const TAG_MAX: usize = 50;
/// Maximum number of dependencies of a task, counting duplicates. It limits the work of one request.
pub const DEPENDENCIES_MAX: usize = 1_000;
/// Maximum number of hours of a task, estimated or actual.
pub const HOURS_MAX: f64 = 1_000.0;

/// Maximum number of errors that are reported. A request can have a hundred thousand of them.
pub const ERRORS_MAX: usize = 100;

/// Checks the fields of the body or the query, and collects the errors.
#[derive(Debug, Default)]
pub struct Validator {
    /// The location of the current object: `#` for the body itself, `#/2` for its third element.
    base: String,
    errors: Vec<FieldError>,
}

impl Validator {
    /// Creates a validator for the body.
    pub fn in_body() -> Self {
        Self {
            base: "#".to_owned(),
            errors: Vec::new(),
        }
    }

    /// Creates a validator for the query.
    pub fn in_query() -> Self {
        Self {
            base: "#/query".to_owned(),
            errors: Vec::new(),
        }
    }

    /// Moves to an element of the body: errors added from now on belong to it.
    pub fn enter(&mut self, index: usize) {
        self.base = format!("#/{index}");
    }

    /// Adds an error at a field, such as `title` or `tags/3`. After [`ERRORS_MAX`] errors, further ones
    /// are not kept.
    pub fn add(&mut self, field: &str, detail: impl Into<String>) {
        if self.errors.len() >= ERRORS_MAX {
            return;
        }
        self.errors.push(FieldError {
            pointer: format!("{}/{field}", self.base),
            detail: detail.into(),
        });
    }

    /// Finishes the validation.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] with every error that was found.
    pub fn finish(self) -> Result<(), Error> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.errors))
        }
    }

    /// Returns the errors that were found.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// Checks a title: [`TITLE_MIN`] to [`TITLE_MAX`] characters.
    pub fn title(&mut self, title: &str) {
        if title.trim().chars().count() < TITLE_MIN {
            self.add(
                "title",
                format!("The title must have at least {TITLE_MIN} characters."),
            );
        }
        self.max_length("title", "title", title, TITLE_MAX);
    }

    /// Checks a description: at most [`DESCRIPTION_MAX`] characters.
    pub fn description(&mut self, description: &str) {
        self.max_length("description", "description", description, DESCRIPTION_MAX);
    }

    /// Checks an assignee: at most [`ASSIGNEE_MAX`] characters.
    pub fn assignee(&mut self, assignee: &str) {
        self.max_length("assignee", "assignee's name", assignee, ASSIGNEE_MAX);
    }

    /// Checks hours: 0 to [`HOURS_MAX`].
    pub fn hours(&mut self, field: &str, hours: f64) {
        // This also rejects NaN.
        if !(0.0..=HOURS_MAX).contains(&hours) {
            self.add(field, "Hours must be between 0 and 1000.");
        }
    }

    /// Checks tags: at most [`TAGS_MAX`], none blank, none longer than [`TAG_MAX`] characters.
    pub fn tags(&mut self, tags: &[String]) {
        if tags.len() > TAGS_MAX {
            self.add("tags", format!("A task can have at most {TAGS_MAX} tags."));
            return;
        }
        for (index, tag) in tags.iter().enumerate() {
            if tag.trim().is_empty() {
                self.add(&format!("tags/{index}"), "A tag must not be blank.");
            }
            self.max_length(&format!("tags/{index}"), "tag", tag, TAG_MAX);
        }
    }

    /// Checks dependencies: at most [`DEPENDENCIES_MAX`] ids. Whether they exist is checked later, in
    /// the database.
    pub fn dependencies(&mut self, dependencies: &[i64]) {
        if dependencies.len() > DEPENDENCIES_MAX {
            let detail = format!("A task can have at most {DEPENDENCIES_MAX} dependencies.");
            self.add("dependencies", detail);
        }
    }

    /// Checks a time: before the year 10000.
    pub fn timestamp(&mut self, field: &str, time: Datetime) {
        if time.seconds > timestamp::LAST_SECOND || time.nanoseconds >= 1_000_000_000 {
            self.add(field, "The time must be before the year 10000.");
        }
    }

    fn max_length(&mut self, field: &str, what: &str, text: &str, limit: usize) {
        // A character has at least one byte. Texts with few bytes need no counting.
        if text.len() > limit && text.chars().count() > limit {
            self.add(
                field,
                format!("The {what} must have at most {limit} characters."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(validator: Validator) -> Vec<String> {
        validator
            .into_errors()
            .into_iter()
            .map(|error| error.pointer)
            .collect()
    }

    #[test]
    fn lengths_count_characters_and_not_bytes() {
        let mut validator = Validator::in_body();
        validator.title("äöü");
        validator.title(&"ä".repeat(200));
        validator.description(&"😀".repeat(2_000));
        assert!(validator.finish().is_ok());

        let mut validator = Validator::in_body();
        validator.title(&"ä".repeat(201));
        validator.description(&"😀".repeat(2_001));
        assert_eq!(pointers(validator), ["#/title", "#/description"]);
    }

    #[test]
    fn white_space_at_the_ends_of_a_title_does_not_count() {
        let mut validator = Validator::in_body();
        validator.title("     ");
        validator.title(" ab\t");
        assert_eq!(pointers(validator), ["#/title", "#/title"]);
    }

    #[test]
    fn every_invalid_tag_is_reported_at_its_location() {
        let mut validator = Validator::in_body();
        validator.enter(2);
        validator.tags(&["api".into(), " ".into(), "x".repeat(50), "x".repeat(51)]);
        assert_eq!(pointers(validator), ["#/2/tags/1", "#/2/tags/3"]);
    }

    #[test]
    fn hours_outside_their_range_are_rejected() {
        let mut validator = Validator::in_body();
        validator.hours("estimated_hours", 0.0);
        validator.hours("estimated_hours", 1_000.0);
        validator.hours("estimated_hours", 1_000.000_1);
        validator.hours("actual_hours", -0.1);
        validator.hours("actual_hours", f64::NAN);
        assert_eq!(
            pointers(validator),
            ["#/estimated_hours", "#/actual_hours", "#/actual_hours"]
        );
    }
}
