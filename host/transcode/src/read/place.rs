//! Places in a request, and the errors found there.

use wasmtime::component::Val;

use crate::constraint::Constraints;
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
        self.whole_pointer().unwrap_or_else(|part| part)
    }

    /// The error is the pointer to the innermost part whose pointer is short enough.
    fn whole_pointer(self) -> Result<String, String> {
        let mut pointer = match self {
            Place::Body => return Ok("#".to_owned()),
            Place::Path(_) => "#/path".to_owned(),
            Place::Query(_) => "#/query".to_owned(),
            Place::Member(parent, _) | Place::Item(parent, _) => parent.whole_pointer()?,
        };
        if let Place::Member(_, name) | Place::Query(name) = self
            && pointer.len() + name.len() > MAX_POINTER
        {
            return Err(pointer);
        }
        pointer.push('/');
        match self {
            Place::Path(name) | Place::Query(name) | Place::Member(_, name) => {
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Place::Item(_, index) => pointer.push_str(&index.to_string()),
            Place::Body => {}
        }
        Ok(pointer)
    }
}

/// Maximum size of all errors, in bytes. Pointers have names that clients choose.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Maximum length of a pointer. A longer one ends at a part that contains the value.
const MAX_POINTER: usize = 1024;

/// The errors of a request, in the order in which they were found, and what is left of the memory
/// that its arguments may take.
pub(crate) struct FieldErrors {
    pub(crate) list: Vec<FieldError>,
    size_bytes: usize,
    /// `None`: the arguments are too large.
    memory_left: Option<usize>,
    /// Whether unknown names are errors.
    strict: bool,
}

impl FieldErrors {
    /// No errors yet. The arguments may take `limit_bytes` bytes of memory. If `strict` is false,
    /// unknown names are ignored.
    pub(crate) fn new(limit_bytes: usize, strict: bool) -> Self {
        FieldErrors {
            list: Vec::new(),
            size_bytes: 0,
            memory_left: Some(limit_bytes),
            strict,
        }
    }

    /// Charges memory for an argument.
    pub(crate) fn charge(&mut self, size: usize) {
        self.memory_left = self.memory_left.and_then(|left| left.checked_sub(size));
    }

    /// Returns whether the arguments are too large. What was read is incomplete then.
    pub(crate) fn is_too_large(&self) -> bool {
        self.memory_left.is_none()
    }

    /// Adds an error. Returns `None`, in place of the value that could not be read.
    pub(crate) fn add<T>(&mut self, place: Place<'_>, detail: impl Into<String>) -> Option<T> {
        if self.list.len() < MAX_ERRORS && self.size_bytes < MAX_ERROR_BYTES {
            let error = FieldError {
                pointer: place.pointer(),
                detail: detail.into(),
            };
            self.size_bytes += error.pointer.len() + error.detail.len();
            self.list.push(error);
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

    /// Adds an error for each name that is not known, if unknown names are errors. `at` is the place
    /// of a name.
    pub(crate) fn expect_known<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        at: impl Fn(&'n str) -> Place<'n>,
        is_known: impl Fn(&str) -> bool,
    ) {
        if self.strict {
            for name in names.filter(|name| !is_known(name)) {
                self.add::<()>(at(name), "is unknown");
            }
        }
    }

    /// Returns a scalar like [`FieldErrors::check`], and adds an error for each bound that it breaks.
    pub(crate) fn constrained(
        &mut self,
        place: Place<'_>,
        constraints: Option<&Constraints>,
        value: Result<Val, impl Into<String>>,
    ) -> Option<Val> {
        let value = self.check(place, value)?;
        if let Some(constraint) = constraints.and_then(Constraints::own) {
            constraint.check(&value, |detail| {
                self.add::<()>(place, detail);
            });
        }
        Some(value)
    }

    /// Adds an error for each bound that the number of items breaks.
    pub(crate) fn constrain_count(
        &mut self,
        place: Place<'_>,
        constraints: Option<&Constraints>,
        count: usize,
    ) {
        if let Some(constraint) = constraints.and_then(Constraints::own) {
            constraint.check_count(count, |detail| {
                self.add::<()>(place, detail);
            });
        }
    }

    /// Adds an error for each item that must not be repeated. `at` is the place of an item.
    pub(crate) fn constrain_items<'p>(
        &mut self,
        constraints: Option<&Constraints>,
        items: &[Val],
        at: impl Fn(usize) -> Place<'p>,
    ) {
        if let Some(constraint) = constraints.and_then(Constraints::own) {
            for index in constraint.repeated(items) {
                self.add::<()>(at(index), constraint.repetition());
            }
        }
    }
}
