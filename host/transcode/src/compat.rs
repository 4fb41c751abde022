//! What breaks between two APIs: which clients, written against the one, fail against the other.
//!
//! A request breaks where the new API takes less than the old one took, an answer where it says
//! less, or something else, than the old one said. Clients see only HTTP and JSON: names of
//! types, interfaces and functions, the order of members, documentation and access do not
//! matter. Routes match by method and by the path without its parameters' names. What is unclear
//! counts as breaking.
//!
//! Decided once, for all:
//! - A new route is compatible, also where its path takes a value that a parameter had before.
//! - A parameter or member that is no longer read breaks: it is ignored without a word.
//! - Clients are expected to live with cases of enums, variants and flags in answers that they do
//!   not know, as with new members. A case that is never answered any more breaks nothing.
//! - JSON has one type of number: integers in answers may grow, but not to 64 bits, of which
//!   clients that read numbers as floats lose digits beyond 2^53.
//! - On GET the host makes an entity tag where the logic gives none.

mod answer;
mod change;
mod direction;
mod input;
mod output;
mod place;
mod request;

#[cfg(test)]
mod tests;

pub use self::change::{BreakingChange, ChangeKind};
use super::operation::Operation;

/// What in `after` breaks clients that were written against `before`, in the order of `before`'s
/// routes and, in each, of path, query, body and answer; within a type, in its order, first what
/// was there before and then what is new.
///
/// A named type that stands at several places of one request or answer is compared once: its
/// changes are told at the first of them.
pub fn breaking_changes(before: &[Operation], after: &[Operation]) -> Vec<BreakingChange> {
    let shapes: Vec<(String, &Operation)> = after
        .iter()
        .map(|operation| (shape(&operation.route().path), operation))
        .collect();
    let mut changes = Vec::new();
    for operation in before {
        let route = operation.route();
        let path = shape(&route.path);
        let on_path = || shapes.iter().filter(|(shape, _)| *shape == path);
        let name = format!("{} {}", route.method, route.path);
        if let Some((_, after)) = on_path().find(|(_, after)| after.route().method == route.method)
        {
            changes.extend(request::changes(&name, operation, after));
            changes.extend(answer::changes(&name, operation, after));
            continue;
        }
        let (kind, detail) = match on_path().next() {
            None => (ChangeKind::RouteRemoved, "the path is gone".to_owned()),
            Some(_) => (
                ChangeKind::MethodRemoved,
                format!("the path no longer answers {}", route.method),
            ),
        };
        changes.push(BreakingChange {
            kind,
            route: name,
            place: None,
            detail,
        });
    }
    changes
}

/// What `after` offers beyond `before`, a sentence each: routes, parameters and members. Some of
/// it may break, too, such as a parameter that is new and required.
pub fn additions(before: &[Operation], after: &[Operation]) -> Vec<String> {
    // What is new is what would be gone on the way back.
    let back = breaking_changes(after, before).into_iter();
    back.filter_map(|change| match (change.kind, change.place) {
        (ChangeKind::RouteRemoved | ChangeKind::MethodRemoved, _) => {
            Some(format!("{}: the route is new", change.route))
        }
        (ChangeKind::MemberRemoved | ChangeKind::NoLongerRead, Some(place)) => {
            Some(format!("{}: {place} is new", change.route))
        }
        _ => None,
    })
    .collect()
}

/// A path without its parameters' names: paths of one shape match the same requests.
fn shape(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        segment if segment.starts_with('{') => "{}",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}
