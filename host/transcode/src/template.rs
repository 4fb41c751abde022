//! Templates such as `/tasks/{id}`, for a route's path and for a `Location`.
//!
//! A parameter is always a whole segment. Its name may be written in kebab-case or snake_case.

use std::collections::HashSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::types::snake_case;

/// Encodes everything in a path segment except the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Maximum length of a template, in bytes.
const MAX_LENGTH: usize = 1024;

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    segments: Vec<Segment>,
}

/// One segment of a template.
#[derive(Debug, Clone, PartialEq)]
enum Segment {
    /// Plain text.
    Literal(String),
    /// A parameter's name, as written in the template.
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
    /// Two parameters have the same name.
    #[error("the parameter {0} is repeated")]
    Repeated(String),
    /// It is too long.
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Returns a [`TemplateError`] for the first error in the template.
    pub fn parse(template: &str) -> Result<Template, TemplateError> {
        if template.len() > MAX_LENGTH {
            return Err(TemplateError::TooLong);
        }
        let Some(path) = template.strip_prefix('/') else {
            return Err(TemplateError::Relative(template.to_owned()));
        };
        let mut segments = Vec::new();
        let mut names = HashSet::new();
        // The path of the root is empty and has no segments.
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

    /// Returns the parameters' names as written in the template, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// Returns the path with the parameters replaced by these values, in order and percent-encoded.
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

/// Returns whether a text can be the name of a parameter: letters, digits, `-` and `_`, beginning
/// with a letter.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Returns whether a byte needs no escape in a path (`pchar` of RFC 3986).
fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}
