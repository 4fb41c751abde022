//! Comparisons of components made of WIT text, and properties of comparisons of any types.

mod answers;
mod bodies;
mod properties;
mod queries;
mod routes;

use super::breaking_changes;
use crate::Operation;
use crate::tests::support::{interface, route};
use contract::{Method, Route};

/// The operations of those routes over a component of those items.
fn api(items: &str, routes: &[Route]) -> Vec<Operation> {
    let interface = interface(items);
    let bind = |route| Operation::bind(&interface, route).unwrap();
    routes.iter().map(bind).collect()
}

/// What breaks between two components with the same single route to a function `f`.
fn changes(method: Method, path: &str, before: &str, after: &str) -> Vec<String> {
    let routes = [route(method, path, "f")];
    sentences(&api(before, &routes), &api(after, &routes))
}

/// What breaks, without the routes.
fn sentences(before: &[Operation], after: &[Operation]) -> Vec<String> {
    let changes = breaking_changes(before, after);
    changes
        .into_iter()
        .map(|change| match change.place {
            Some(place) => format!("{place} {}", change.detail),
            None => change.detail,
        })
        .collect()
}
