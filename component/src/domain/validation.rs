//! Rules for single members, and the list of all that break one.
//!
//! Nothing stops at the first fault: a client reads all of them at once, each with its place.
//! Lengths count Unicode scalar values.

use crate::contract::Datetime;
use crate::contract::types::FieldError;
use crate::domain::moment;
use crate::refusal::Refusal;

/// Characters in a title, at least; surrounding white space does not count.
pub const TITLE_MIN: usize = 3;
/// Characters in a title, at most.
pub const TITLE_MAX: usize = 200;
/// Characters in a description, at most.
pub const DESCRIPTION_MAX: usize = 2_000;
/// Characters in an assignee's name, at most.
pub const ASSIGNEE_MAX: usize = 100;
/// Labels of a task, at most, counted with repeats.
pub const TAGS_MAX: usize = 10;
/// Characters in a label, at most.
pub const TAG_MAX: usize = 50;
/// Dependencies of a task, at most, counted with repeats. It bounds the work of one request.
pub const DEPENDENCIES_MAX: usize = 1_000;
/// Hours of a task, estimated or actual, at most.
pub const HOURS_MAX: f64 = 1_000.0;

/// The faults found so far, in the object at one place of the body.
#[derive(Debug, Default)]
pub struct Faults {
    /// `#` for the body itself, `#/2` for its third element.
    base: String,
    errors: Vec<FieldError>,
}

impl Faults {
    /// Faults in the whole body.
    pub fn in_body() -> Self {
        Self {
            base: "#".to_owned(),
            errors: Vec::new(),
        }
    }

    /// Faults in the query.
    pub fn in_query() -> Self {
        Self {
            base: "#/query".to_owned(),
            errors: Vec::new(),
        }
    }

    /// From now on, faults belong to this element of the body.
    pub fn enter(&mut self, index: usize) {
        self.base = format!("#/{index}");
    }

    /// Adds a fault at a member, such as `title` or `tags/3`.
    pub fn add(&mut self, member: &str, detail: impl Into<String>) {
        self.errors.push(FieldError {
            pointer: format!("{}/{member}", self.base),
            detail: detail.into(),
        });
    }

    /// Refuses where there is a fault.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault.
    pub fn into_result(self) -> Result<(), Refusal> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(self.errors))
        }
    }

    /// The faults themselves.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// A title: [`TITLE_MIN`] to [`TITLE_MAX`] characters, and not only white space.
    pub fn title(&mut self, title: &str) {
        if title.trim().chars().count() < TITLE_MIN {
            self.add(
                "title",
                format!("The title has at least {TITLE_MIN} characters."),
            );
        }
        self.longest("title", "title", title, TITLE_MAX);
    }

    /// A description of at most [`DESCRIPTION_MAX`] characters.
    pub fn description(&mut self, description: &str) {
        self.longest("description", "description", description, DESCRIPTION_MAX);
    }

    /// An assignee of at most [`ASSIGNEE_MAX`] characters.
    pub fn assignee(&mut self, assignee: &str) {
        self.longest("assignee", "assignee's name", assignee, ASSIGNEE_MAX);
    }

    /// Hours from 0 to [`HOURS_MAX`].
    pub fn hours(&mut self, member: &str, hours: f64) {
        // Also refuses what is not a number.
        if !(0.0..=HOURS_MAX).contains(&hours) {
            self.add(member, "Hours are between 0 and 1000.");
        }
    }

    /// At most [`TAGS_MAX`] labels, none blank, none above [`TAG_MAX`] characters.
    pub fn tags(&mut self, tags: &[String]) {
        if tags.len() > TAGS_MAX {
            self.add("tags", format!("A task has at most {TAGS_MAX} tags."));
            return;
        }
        for (index, tag) in tags.iter().enumerate() {
            if tag.trim().is_empty() {
                self.add(&format!("tags/{index}"), "A tag is not blank.");
            }
            self.longest(&format!("tags/{index}"), "tag", tag, TAG_MAX);
        }
    }

    /// At most [`DEPENDENCIES_MAX`] ids; whether they exist is the database's to know.
    pub fn dependencies(&mut self, dependencies: &[i64]) {
        if dependencies.len() > DEPENDENCIES_MAX {
            let detail = format!("A task has at most {DEPENDENCIES_MAX} dependencies.");
            self.add("dependencies", detail);
        }
    }

    /// A moment until the end of the year 9999.
    pub fn moment(&mut self, member: &str, moment: Datetime) {
        if moment.seconds > moment::LAST_SECOND || moment.nanoseconds >= 1_000_000_000 {
            self.add(member, "The moment is not before the year 10000.");
        }
    }

    fn longest(&mut self, member: &str, what: &str, text: &str, limit: usize) {
        // A character takes at most 4 bytes and at least one: most texts need no counting.
        if text.len() > limit && text.chars().count() > limit {
            self.add(
                member,
                format!("The {what} has at most {limit} characters."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(faults: Faults) -> Vec<String> {
        faults
            .into_errors()
            .into_iter()
            .map(|error| error.pointer)
            .collect()
    }

    #[test]
    fn lengths_count_characters_and_not_bytes() {
        let mut faults = Faults::in_body();
        faults.title("äöü");
        faults.title(&"ä".repeat(200));
        faults.description(&"😀".repeat(2_000));
        assert!(faults.into_result().is_ok());

        let mut faults = Faults::in_body();
        faults.title(&"ä".repeat(201));
        faults.description(&"😀".repeat(2_001));
        assert_eq!(pointers(faults), ["#/title", "#/description"]);
    }

    #[test]
    fn white_space_around_a_title_does_not_make_it_longer() {
        let mut faults = Faults::in_body();
        faults.title("     ");
        faults.title(" ab\t");
        assert_eq!(pointers(faults), ["#/title", "#/title"]);
    }

    #[test]
    fn every_bad_tag_is_named_by_its_place() {
        let mut faults = Faults::in_body();
        faults.enter(2);
        faults.tags(&["api".into(), " ".into(), "x".repeat(50), "x".repeat(51)]);
        assert_eq!(pointers(faults), ["#/2/tags/1", "#/2/tags/3"]);
    }

    #[test]
    fn hours_end_at_their_limits() {
        let mut faults = Faults::in_body();
        faults.hours("estimated_hours", 0.0);
        faults.hours("estimated_hours", 1_000.0);
        faults.hours("estimated_hours", 1_000.000_1);
        faults.hours("actual_hours", -0.1);
        faults.hours("actual_hours", f64::NAN);
        assert_eq!(
            pointers(faults),
            ["#/estimated_hours", "#/actual_hours", "#/actual_hours"]
        );
    }
}
