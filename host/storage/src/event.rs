//! What the logic publishes: small, bounded, and the same for every engine and every reader.

use serde_json::{Map, Value};

/// The longest kind and attribute name, in bytes.
const NAME_BYTES: usize = 64;
/// The longest subject, in bytes.
const SUBJECT_BYTES: usize = 256;
/// The longest value of an attribute, in bytes.
const VALUE_BYTES: usize = 1024;
/// Attributes of one event.
const ATTRIBUTES: usize = 16;

/// Something that has happened, as the logic tells it. It keeps the rules of `wit/platform`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    kind: String,
    subject: String,
    attributes: Vec<(String, String)>,
}

/// Which rule an event breaks, as a sentence for the logic's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEvent(String);

impl Event {
    /// An event of a kind such as `task.updated`, about a subject such as the task's id.
    ///
    /// # Errors
    /// [`InvalidEvent`] names the first rule that it breaks.
    pub fn new(
        kind: String,
        subject: String,
        attributes: Vec<(String, String)>,
    ) -> Result<Self, InvalidEvent> {
        name("the kind", &kind)?;
        text("the subject", &subject, SUBJECT_BYTES)?;
        if attributes.len() > ATTRIBUTES {
            let count = attributes.len();
            return refused(format!("{count} attributes are more than {ATTRIBUTES}"));
        }
        for (index, (key, value)) in attributes.iter().enumerate() {
            name("the name of an attribute", key)?;
            text(&format!("the attribute {key}"), value, VALUE_BYTES)?;
            if attributes[..index].iter().any(|(other, _)| other == key) {
                return refused(format!("two attributes are called {key}"));
            }
        }
        Ok(Event {
            kind,
            subject,
            attributes,
        })
    }

    /// An event as an engine kept it.
    ///
    /// # Errors
    /// [`InvalidEvent`] where it is not what was kept.
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

    /// The attributes as an engine keeps them: a JSON object.
    pub fn attributes_json(&self) -> String {
        let attributes = self.attributes.iter();
        let members = attributes.map(|(name, value)| (name.clone(), value.as_str().into()));
        Value::Object(members.collect()).to_string()
    }

    /// What has happened. Fit for one line of any protocol.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What it happened to.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Facts about it; no name is there twice.
    pub fn attributes(&self) -> &[(String, String)] {
        &self.attributes
    }
}

fn refused<T>(reason: String) -> Result<T, InvalidEvent> {
    Err(InvalidEvent(reason))
}

fn name(what: &str, name: &str) -> Result<(), InvalidEvent> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    refused(format!(
        "{what} {name:?} is not 1 to {NAME_BYTES} of the characters a to z, 0 to 9, '.', '_', '-'"
    ))
}

fn text(what: &str, text: &str, most: usize) -> Result<(), InvalidEvent> {
    if text.len() > most {
        let length = text.len();
        return refused(format!("{what} has {length} bytes, more than {most}"));
    }
    if text.contains('\0') {
        return refused(format!("{what} contains U+0000"));
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
    fn what_breaks_a_rule_is_named() {
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
            (event("k", "1", &many), "17 attributes are more than 16"),
        ] {
            let reason = outcome.unwrap_err();
            assert!(reason.contains(words), "{words:?} is not in {reason:?}");
        }
    }
}
