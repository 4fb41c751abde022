//! A breaking change, and the collection of them during a comparison.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::place::Place;
use crate::types::Type;

/// One change that breaks clients. Displays as a sentence with the route and the place:
/// `GET /tasks: the response's member [].due_at is gone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakingChange {
    /// The kind of change.
    pub kind: ChangeKind,
    /// Method and path template, as clients know them.
    pub route: String,
    /// The place in the request or the response, such as `the body's member tags[]`. `None`: the
    /// route itself.
    pub place: Option<String>,
    /// The rest of the sentence.
    pub detail: String,
}

impl fmt::Display for BreakingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}: {place} {}", self.route, self.detail),
            None => write!(f, "{}: {}", self.route, self.detail),
        }
    }
}

/// The kinds of breaking changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The path has no route any longer.
    RouteRemoved,
    /// The path has routes only for other methods.
    MethodRemoved,
    /// A parameter, a member or the body is required that was optional or unknown before.
    NewlyRequired,
    /// A parameter, a member or the body no longer has an effect.
    NoLongerRead,
    /// Some values that were accepted before are rejected.
    Narrowed,
    /// Null in a request has another meaning.
    NullChanged,
    /// A value has another type.
    TypeChanged,
    /// A member of the response is missing.
    MemberRemoved,
    /// A member of the response that always had a value can be null or absent.
    NewlyNullable,
    /// A number in the response is now a 64-bit integer.
    Widened,
    /// A success has another status.
    StatusChanged,
    /// A success no longer has a body, or has a body and had none.
    BodyChanged,
    /// A success no longer has a header.
    HeaderRemoved,
    /// The rest was not compared.
    NotCompared,
}

impl ChangeKind {
    /// Returns the kind's stable slug.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::RouteRemoved => "route-removed",
            ChangeKind::MethodRemoved => "method-removed",
            ChangeKind::NewlyRequired => "newly-required",
            ChangeKind::NoLongerRead => "no-longer-read",
            ChangeKind::Narrowed => "narrowed",
            ChangeKind::NullChanged => "null-changed",
            ChangeKind::TypeChanged => "type-changed",
            ChangeKind::MemberRemoved => "member-removed",
            ChangeKind::NewlyNullable => "newly-nullable",
            ChangeKind::Widened => "widened",
            ChangeKind::StatusChanged => "status-changed",
            ChangeKind::BodyChanged => "body-changed",
            ChangeKind::HeaderRemoved => "header-removed",
            ChangeKind::NotCompared => "not-compared",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a comparison of two APIs may cost.
pub(crate) struct Effort {
    /// Types, fields and cases that may still be compared.
    left: usize,
}

impl Effort {
    /// Enough for the largest API that a host accepts, if its routes share types as usual.
    const WHOLE: usize = 2_000_000;
    /// A change costs this and the length of its texts, which are shown, logged and stored.
    const CHANGE: usize = 1000;

    pub(crate) fn new() -> Self {
        Effort { left: Self::WHOLE }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.left == 0
    }

    fn spend(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
    }
}

/// The changes found in the request or in the response of one route.
pub(crate) struct Findings<'a> {
    route: &'a str,
    effort: &'a mut Effort,
    changes: Vec<BreakingChange>,
    /// The pairs of definitions that were compared. Types share definitions, so the tree can be
    /// exponentially larger than the text that it came from. Each pair is compared once.
    compared: HashSet<(usize, usize)>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(route: &'a str, effort: &'a mut Effort) -> Self {
        Findings {
            route,
            effort,
            changes: Vec::new(),
            compared: HashSet::new(),
        }
    }

    pub(crate) fn into_changes(self) -> Vec<BreakingChange> {
        self.changes
    }

    /// Counts types, fields or cases that are about to be compared. Returns false if the comparison
    /// has become too large and ends.
    pub(super) fn goes_on(&mut self, parts: usize) -> bool {
        self.effort.spend(parts);
        !self.effort.is_exhausted()
    }

    pub(super) fn add(&mut self, kind: ChangeKind, place: Place<'_>, detail: impl Into<String>) {
        if !self.goes_on(Effort::CHANGE) {
            return;
        }
        let (place, detail) = (place.to_string(), detail.into());
        self.effort.spend(place.len() + detail.len());
        self.changes.push(BreakingChange {
            kind,
            route: self.route.to_owned(),
            place: Some(place),
            detail,
        });
    }

    pub(super) fn add_type_change(&mut self, place: Place<'_>, before: &Type, after: &Type) {
        let detail = format!("is now {} instead of {}", in_words(after), in_words(before));
        self.add(ChangeKind::TypeChanged, place, detail);
    }

    /// Returns whether this pair of definitions has not been compared before, and records it.
    pub(super) fn is_new<T: ?Sized>(&mut self, before: &Arc<T>, after: &Arc<T>) -> bool {
        let address = |definition: &Arc<T>| Arc::as_ptr(definition).cast::<()>().addr();
        self.compared.insert((address(before), address(after)))
    }
}

/// Describes the JSON of a type.
fn in_words(ty: &Type) -> String {
    let words = match ty {
        Type::Bool => "a boolean",
        Type::F32 | Type::F64 => "a number",
        Type::Char => "a single character",
        Type::String => "a string",
        Type::Enum(_) => "one of a set of strings",
        Type::Datetime(_) => "a timestamp (RFC 3339)",
        Type::Bytes => "base64 text",
        Type::List(_) => "a list",
        Type::Flags(_) => "a list of flags",
        Type::Tuple(items) => return format!("a tuple of {}", items.len()),
        Type::Map(_) => "an object with any members",
        Type::Record(_) => "an object",
        Type::Variant(_) => "an object with case and value",
        Type::Result(_) => "an object with ok or error",
        Type::Option(inner) | Type::Clearable(inner) => {
            return format!("{} or null", in_words(inner));
        }
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::S8
        | Type::S16
        | Type::S32
        | Type::S64 => "an integer",
    };
    words.to_owned()
}
