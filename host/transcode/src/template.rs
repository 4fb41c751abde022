//! Templates such as `/tasks/{id}`: of a route's path, and of a `Location`.
//!
//! A parameter is a whole segment. Names may be written in kebab-case or snake_case.

use std::collections::HashSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::types::snake_case;

/// What stands unencoded in a path segment beside letters and digits (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    segments: Vec<Segment>,
}

/// One segment of a template.
#[derive(Debug, Clone, PartialEq)]
enum Segment {
    /// Stands for itself.
    Literal(String),
    /// A parameter's name, as the template writes it.
    Parameter(String),
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It does not begin with a slash.
    #[error("{0} does not start with a slash")]
    Relative(String),
    /// It has an empty segment, or ends with a slash.
    #[error("{0} has an empty segment")]
    EmptySegment(String),
    /// A segment is neither a literal nor a parameter.
    #[error("the segment {0} is neither plain text nor one name in braces")]
    Segment(String),
    /// A parameter stands twice.
    #[error("the parameter {0} is repeated")]
    Repeated(String),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// [`TemplateError`] with the first fault.
    pub fn parse(template: &str) -> Result<Template, TemplateError> {
        let Some(path) = template.strip_prefix('/') else {
            return Err(TemplateError::Relative(template.to_owned()));
        };
        let mut segments = Vec::new();
        let mut names = HashSet::new();
        // The root alone is an empty path.
        for segment in path.split('/').filter(|_| !path.is_empty()) {
            if segment.is_empty() {
                return Err(TemplateError::EmptySegment(template.to_owned()));
            }
            let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            match name {
                Some(name) if is_name(name) => {
                    if !names.insert(snake_case(name)) {
                        return Err(TemplateError::Repeated(name.to_owned()));
                    }
                    segments.push(Segment::Parameter(name.to_owned()));
                }
                None if segment.bytes().all(is_literal) => {
                    segments.push(Segment::Literal(segment.to_owned()));
                }
                _ => return Err(TemplateError::Segment(segment.to_owned())),
            }
        }
        Ok(Template { segments })
    }

    /// The parameters' names as the template writes them, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The path with each parameter's value, in order and percent-encoded, in its place.
    pub(super) fn fill(&self, values: &[String]) -> String {
        let mut values = values.iter();
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(text) => path.push_str(text),
                Segment::Parameter(_) => {
                    let value = values.next().map_or("", String::as_str);
                    path.extend(utf8_percent_encode(value, SEGMENT));
                }
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        path
    }
}

/// Whether text may name a parameter: letters, digits, `-` and `_`, a letter first.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether a byte stands for itself in a path (RFC 3986, `pchar` without escapes).
fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}
