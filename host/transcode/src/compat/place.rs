//! Places in an API: a part of a request or a response, and the path to a value in it.

use std::fmt;

/// Where a value is. Displays as the subject of a sentence: `the body`, `the query parameter
/// limit`, `the response's member tasks[].due_at`.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A path parameter.
    Path(&'a str),
    /// A query parameter.
    Query(&'a str),
    /// The request's body.
    Body,
    /// The body of a successful response, or the response itself.
    Response,
    /// A member of an object: `.name`.
    Member(&'a Place<'a>, &'a str),
    /// Any item of a list: `[]`.
    Items(&'a Place<'a>),
    /// Any value of a map: `.*`.
    Values(&'a Place<'a>),
    /// One item of a tuple: `[0]`.
    Item(&'a Place<'a>, usize),
    /// The payload of a variant's case: `(name)`.
    Case(&'a Place<'a>, &'a str),
}

impl Place<'_> {
    fn parent(&self) -> Option<&Place<'_>> {
        match self {
            Place::Path(_) | Place::Query(_) | Place::Body | Place::Response => None,
            Place::Member(parent, _)
            | Place::Items(parent)
            | Place::Values(parent)
            | Place::Item(parent, _)
            | Place::Case(parent, _) => Some(parent),
        }
    }

    /// Returns the part of the request or the response in which the path begins.
    fn root(&self) -> &Place<'_> {
        self.parent().map_or(self, Place::root)
    }

    /// Writes the path from the root to this place.
    fn write_path(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent() else {
            return Ok(());
        };
        parent.write_path(f)?;
        let dot = if parent.parent().is_some() { "." } else { "" };
        match self {
            Place::Member(_, name) => write!(f, "{dot}{name}"),
            Place::Values(_) => write!(f, "{dot}*"),
            Place::Items(_) => f.write_str("[]"),
            Place::Item(_, index) => write!(f, "[{index}]"),
            Place::Case(_, name) => write!(f, "({name})"),
            Place::Path(_) | Place::Query(_) | Place::Body | Place::Response => Ok(()),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root() {
            Place::Path(name) => write!(f, "the path parameter {{{name}}}")?,
            Place::Query(name) => write!(f, "the query parameter {name}")?,
            Place::Response => f.write_str("the response")?,
            _ => f.write_str("the body")?,
        }
        if self.parent().is_some() {
            f.write_str("'s member ")?;
        }
        self.write_path(f)
    }
}
