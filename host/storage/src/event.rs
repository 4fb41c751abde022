//! An event that the logic publishes. Its size is limited, and the limits are the same for every
//! engine and every reader.

use serde_json::{Map, Value};

/// Maximum length of the kind and of an attribute's name, in bytes.
const NAME_BYTES: usize = 64;
/// Maximum length of the subject, in bytes.
const SUBJECT_BYTES: usize = 256;
/// Maximum length of an attribute's value, in bytes.
const VALUE_BYTES: usize = 1024;
/// Maximum number of attributes.
const ATTRIBUTES: usize = 16;

/// Something that has happened, as the logic reports it. It follows the rules in `wit/platform`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    kind: String,
    subject: String,
    attributes: Vec<(String, String)>,
}

/// Which rule an event breaks, as a sentence for the author of the logic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEvent(String);

impl Event {
    /// Makes an event of a kind, such as `task.updated`, about a subject, such as the task's id.
    ///
    /// # Errors
    /// Returns [`InvalidEvent`] with the first rule that the event breaks.
    pub fn new(
        kind: String,
        subject: String,
        attributes: Vec<(String, String)>,
    ) -> Result<Self, InvalidEvent> {
        name("the kind", &kind)?;
        text("the subject", &subject, SUBJECT_BYTES)?;
        if attributes.len() > ATTRIBUTES {
            let count = attributes.len();
            return invalid(format!(
                "an event has at most {ATTRIBUTES} attributes, not {count}"
            ));
        }
        for (index, (key, value)) in attributes.iter().enumerate() {
            name("the name of an attribute", key)?;
            text(&format!("the attribute {key}"), value, VALUE_BYTES)?;
            if attributes[..index].iter().any(|(other, _)| other == key) {
                return invalid(format!("two attributes are called {key}"));
            }
        }
        Ok(Event {
            kind,
            subject,
            attributes,
        })
    }

    /// Makes an event from what an engine stored, see [`Event::attributes_json`].
    ///
    /// # Errors
    /// Returns [`InvalidEvent`] if the stored event is damaged.
    pub(crate) fn with_json(
        kind: String,
        subject: String,
        attributes: &str,
    ) -> Result<Self, InvalidEvent> {
        let unreadable = |error: serde_json::Error| InvalidEvent(error.to_string());
        let members: Map<String, Value> = serde_json::from_str(attributes).map_err(unreadable)?;
        let text = |(name, value)| match value {
            Value::String(value) => (name, value),
            other => (name, other.to_string()),
        };
        Event::new(kind, subject, members.into_iter().map(text).collect())
    }

    /// Returns the attributes as an engine stores them: a JSON object.
    pub fn attributes_json(&self) -> String {
        let attributes = self.attributes.iter();
        let members = attributes.map(|(name, value)| (name.clone(), value.as_str().into()));
        Value::Object(members.collect()).to_string()
    }

    /// Returns the length of all texts, in bytes.
    pub fn size_bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| name.len() + value.len());
        self.kind.len() + self.subject.len() + attributes.sum::<usize>()
    }

    /// Returns what has happened. It fits on one line of any protocol.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns what it happened to.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns facts about it as names and values. Each name occurs once.
    pub fn attributes(&self) -> &[(String, String)] {
        &self.attributes
    }
}

fn invalid<T>(reason: String) -> Result<T, InvalidEvent> {
    Err(InvalidEvent(reason))
}

fn name(what: &str, name: &str) -> Result<(), InvalidEvent> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    invalid(format!(
        "{what} {name:?} must be 1 to {NAME_BYTES} of the characters a to z, 0 to 9, '.', '_', '-'"
    ))
}

fn text(what: &str, text: &str, most: usize) -> Result<(), InvalidEvent> {
    if text.len() > most {
        let length = text.len();
        return invalid(format!("{what} has {length} bytes, more than {most}"));
    }
    if text.contains('\0') {
        return invalid(format!("{what} contains U+0000"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, subject: &str, attributes: &[(&str, &str)]) -> Result<Event, String> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Event::new(kind.to_owned(), subject.to_owned(), attributes.collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_event_may_be_as_large_as_its_limits() {
        let names: Vec<String> = (0..ATTRIBUTES).map(|n| format!("name-{n}")).collect();
        let value = "v".repeat(VALUE_BYTES);
        let full: Vec<_> = names.iter().map(|name| (&**name, &*value)).collect();
        let largest = event(&"k".repeat(NAME_BYTES), &"s".repeat(SUBJECT_BYTES), &full).unwrap();
        assert_eq!(largest.attributes().len(), ATTRIBUTES);
        assert_eq!(event("k", "", &[("a_b.c-9", "")]).unwrap().subject(), "");
    }

    #[test]
    fn an_error_names_the_part_that_breaks_a_rule() {
        let long = "x".repeat(VALUE_BYTES + 1);
        let many: Vec<String> = (0..=ATTRIBUTES).map(|n| format!("n{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (&**name, "")).collect();
        for (outcome, words) in [
            (event("", "1", &[]), "the kind \"\""),
            (event("Task.created", "1", &[]), "the kind \"Task.created\""),
            (event("a\nb", "1", &[]), "the kind \"a\\nb\""),
            (event(&long[..NAME_BYTES + 1], "1", &[]), "1 to 64"),
            (event("k", &long, &[]), "the subject has 1025 bytes"),
            (event("k", "a\0", &[]), "the subject contains U+0000"),
            (event("k", "1", &[("", "")]), "the name of an attribute"),
            (event("k", "1", &[("a", &long)]), "the attribute a has 1025"),
            (event("k", "1", &[("a", "\0")]), "the attribute a contains"),
            (event("k", "1", &[("a", ""), ("a", "")]), "two attributes"),
            (event("k", "1", &many), "at most 16 attributes, not 17"),
        ] {
            let reason = outcome.unwrap_err();
            assert!(reason.contains(words), "{words:?} is not in {reason:?}");
        }
    }
}
