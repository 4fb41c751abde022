//! Compares components made of WIT text, and checks properties of comparisons of arbitrary types.

mod bodies;
mod constraints;
mod properties;
mod queries;
mod responses;
mod routes;

use super::breaking_changes;
use crate::Operation;
use crate::tests::support::{interface, route};
use contract::{Method, Route};

/// Binds routes to a component with these items.
fn api(items: &str, routes: &[Route]) -> Vec<Operation> {
    let interface = interface(items);
    let bind = |route| Operation::bind(&interface, route).unwrap();
    routes.iter().map(bind).collect()
}

/// The breaking changes between two components with the same single route to a function `f`.
fn changes(method: Method, path: &str, before: &str, after: &str) -> Vec<String> {
    let routes = [route(method, path, "f")];
    sentences(&api(before, &routes), &api(after, &routes))
}

/// The breaking changes, without their routes.
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
