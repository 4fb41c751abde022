//! Places in a request, and the errors found there.

use contract::FieldError;

/// Maximum number of errors in one response. More would only amplify a hostile request.
const MAX_ERRORS: usize = 100;

/// Where a value is in the request.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The body, `#`.
    Body,
    /// A path parameter.
    Path(&'a str),
    /// A query parameter.
    Query(&'a str),
    /// A member of an object.
    Member(&'a Place<'a>, &'a str),
    /// An item of an array.
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// Returns the place as `#` and a JSON pointer (RFC 6901).
    fn pointer(self) -> String {
        let mut pointer = match self {
            Place::Body => return "#".to_owned(),
            Place::Path(_) => "#/path".to_owned(),
            Place::Query(_) => "#/query".to_owned(),
            Place::Member(parent, _) | Place::Item(parent, _) => parent.pointer(),
        };
        pointer.push('/');
        match self {
            Place::Path(name) | Place::Query(name) | Place::Member(_, name) => {
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Place::Item(_, index) => pointer.push_str(&index.to_string()),
            Place::Body => {}
        }
        pointer
    }
}

/// The errors of a request, in the order in which they were found.
#[derive(Default)]
pub(crate) struct FieldErrors(pub(crate) Vec<FieldError>);

impl FieldErrors {
    /// Adds an error. Returns `None`, in place of the value that could not be read.
    pub(crate) fn add<T>(&mut self, place: Place<'_>, detail: impl Into<String>) -> Option<T> {
        if self.0.len() < MAX_ERRORS {
            self.0.push(FieldError {
                pointer: place.pointer(),
                detail: detail.into(),
            });
        }
        None
    }

    /// Returns the value of a result, or adds its error and returns `None`.
    pub(super) fn check<T>(
        &mut self,
        place: Place<'_>,
        value: Result<T, impl Into<String>>,
    ) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(detail) => self.add(place, detail),
        }
    }
}
