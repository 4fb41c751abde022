//! Compares two APIs: finds the changes that break clients of the earlier API.
//!
//! A change breaks requests if the new API accepts less than the old one. It breaks responses if
//! the new API returns less than the old one, or something else. Clients see only HTTP and JSON, so
//! the names of types, interfaces and functions, the order of members, documentation and access do
//! not matter. Routes are matched by method and path, without the names of path parameters. If it
//! is unclear whether a change breaks clients, it counts as breaking. So does the rest of two APIs
//! that are too large to compare, or differ in too many places.
//!
//! The rules:
//! - A new route is compatible, even if its path was a value of a path parameter before.
//! - A parameter or member that is no longer read breaks clients, because it is silently ignored.
//! - Clients are expected to tolerate unknown cases of enums, variants and flags in responses, like
//!   new members. A case that is no longer returned breaks nothing.
//! - JSON has one type of number, so integers in responses may become larger, but not 64 bits wide:
//!   clients that read numbers as floats lose digits beyond 2^53.
//! - A constraint that accepts less than before breaks requests; so does another pattern or format,
//!   because it is unclear what it accepts. Constraints say nothing about responses: that a member may
//!   now be longer breaks nothing, like a new case.
//! - A bound that the logic enforces itself and did not state before is taken to be documented late.
//! - On GET the host makes an entity tag if the logic returns none, so an `ETag` cannot be missing.
//!
//! `input` has the rules for requests, `output` those for responses; `direction` walks over the
//! types.

mod change;
mod constraints;
mod direction;
mod input;
mod output;
mod place;
mod request;
mod response;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use self::change::Effort;
pub use self::change::{BreakingChange, ChangeKind};
use super::operation::Operation;

/// Returns the changes in `after` that break clients of `before`.
///
/// They are in the order of `before`'s routes. Within a route the order is path, query, body,
/// response. Within a type the order is that of the type: first its old parts, then its new ones.
///
/// A named type that occurs at several places of one request or response is compared once. Its
/// changes are reported at the first of these places.
pub fn breaking_changes(before: &[Operation], after: &[Operation]) -> Vec<BreakingChange> {
    let mut shapes = HashMap::<String, Vec<&Operation>>::new();
    for operation in after {
        let path = shape(&operation.route().path);
        shapes.entry(path).or_default().push(operation);
    }
    let mut effort = Effort::new();
    let mut changes = Vec::new();
    for operation in before {
        let route = operation.route();
        let on_path = shapes.get(&shape(&route.path));
        let name = format!("{} {}", route.method, route.path);
        let mut candidates = on_path.into_iter().flatten();
        if let Some(after) = candidates.find(|after| after.route().method == route.method) {
            changes.extend(request::changes(&name, operation, after, &mut effort));
            changes.extend(response::changes(&name, operation, after, &mut effort));
            if effort.is_exhausted() {
                changes.push(BreakingChange {
                    kind: ChangeKind::NotCompared,
                    route: name,
                    place: None,
                    detail: "the comparison ended here, because the APIs are too large or differ \
                             in too many places"
                        .to_owned(),
                });
                break;
            }
            continue;
        }
        let (kind, detail) = match on_path {
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

/// Returns what `after` adds to `before`, each as a sentence: routes, parameters and members. An
/// addition can also be breaking, such as a new required parameter.
pub fn additions(before: &[Operation], after: &[Operation]) -> Vec<String> {
    // An addition is what a change in the opposite direction would remove.
    let reverted = breaking_changes(after, before).into_iter();
    reverted
        .filter_map(|change| match (change.kind, change.place) {
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

/// Returns a path without the names of its parameters. Two paths of the same shape match the same
/// requests.
fn shape(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        segment if segment.starts_with('{') => "{}",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}
