//! Routes that are removed, added and renamed.

use super::api;
use crate::tests::support::route;
use crate::{Operation, additions, breaking_changes};
use contract::{Access, Method, Route};

const ITEMS: &str = "
    record thing { id: u32, name: string }
    get: func(id: u32) -> result<thing, problem>;
    put: func(id: u32, thing: thing) -> result<thing, problem>;
    delete: func(id: u32) -> result<_, problem>;";

fn routes() -> [Route; 3] {
    [
        route(Method::Get, "/things/{id}", "get"),
        route(Method::Put, "/things/{id}", "put"),
        route(Method::Delete, "/things/{id}", "delete"),
    ]
}

fn sentences(before: &[Operation], after: &[Operation]) -> Vec<String> {
    let changes = breaking_changes(before, after);
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_removed_route_breaks() {
    let before = api(ITEMS, &routes());
    let [get, put, _] = routes();
    let elsewhere = route(Method::Delete, "/others/{id}", "delete");
    let after = api(ITEMS, &[put, elsewhere, get]);
    assert_eq!(
        sentences(&before, &after),
        ["DELETE /things/{id}: the path no longer answers DELETE"]
    );
    assert_eq!(
        sentences(&before, &[]),
        [
            "GET /things/{id}: the path is gone",
            "PUT /things/{id}: the path is gone",
            "DELETE /things/{id}: the path is gone",
        ]
    );
    assert_eq!(sentences(&[], &before), [""; 0]);
}

#[test]
fn every_change_has_its_kind_route_and_place() {
    let before = api(ITEMS, &routes());
    let items = ITEMS.replace("name: string", "title: string");
    let after = api(&items, &routes()[..2]);
    let changes: Vec<_> = breaking_changes(&before, &after)
        .into_iter()
        .map(|change| (change.kind.as_str(), change.route, change.place))
        .collect();
    let of = |kind, route: &str, place: &str| {
        let place = (!place.is_empty()).then(|| place.to_owned());
        (kind, route.to_owned(), place)
    };
    assert_eq!(
        changes,
        [
            of(
                "member-removed",
                "GET /things/{id}",
                "the response's member name"
            ),
            of(
                "no-longer-read",
                "PUT /things/{id}",
                "the body's member name"
            ),
            of(
                "newly-required",
                "PUT /things/{id}",
                "the body's member title"
            ),
            of(
                "member-removed",
                "PUT /things/{id}",
                "the response's member name"
            ),
            of("method-removed", "DELETE /things/{id}", ""),
        ]
    );
}

#[test]
fn names_that_clients_do_not_see_may_change() {
    let before = api(ITEMS, &routes());
    let items = "
        /// Documentation that the earlier component does not have.
        record item { name: string, id: u32 }
        read: func(number: u32) -> result<item, problem>;
        replace: func(replacement: item, number: u32) -> result<item, problem>;
        remove: func(number: u32) -> result<_, problem>;";
    let after = [
        route(Method::Get, "/things/{number}", "read"),
        route(Method::Put, "/things/{number}", "replace"),
        Route {
            access: Access::Read,
            ..route(Method::Delete, "/things/{number}", "remove")
        },
    ];
    assert_eq!(sentences(&before, &api(items, &after)), [""; 0]);
}

#[test]
fn path_parameters_are_matched_by_position() {
    let of = |signature: &str, path: &str| {
        let items = format!("f: func({signature}) -> result<_, problem>;");
        api(&items, &[route(Method::Get, path, "f")])
    };
    let before = of("id: u32, of: string", "/lists/{of}/items/{id}");
    let renamed = of("a: string, b: u64", "/lists/{a}/items/{b}");
    assert_eq!(sentences(&before, &renamed), [""; 0]);
    let swapped = of("id: u16, of: string", "/lists/{id}/items/{of}");
    assert_eq!(
        sentences(&before, &swapped),
        [
            "GET /lists/{of}/items/{id}: the path parameter {of} is now an integer instead of a string",
            "GET /lists/{of}/items/{id}: the path parameter {id} is now a string instead of an integer",
        ]
    );
    let narrowed = of("id: u16, of: string", "/lists/{of}/items/{id}");
    assert_eq!(
        sentences(&before, &narrowed),
        [
            "GET /lists/{of}/items/{id}: the path parameter {id} now accepts 0 to 65535 instead of 0 to 4294967295"
        ]
    );
}

#[test]
fn additions_are_reported_and_break_nothing() {
    let items = "
        record thing { id: u32, name: string, color: option<string> }
        get: func(id: u32, deep: option<bool>) -> result<thing, problem>;
        put: func(id: u32, thing: thing) -> result<thing, problem>;
        delete: func(id: u32) -> result<_, problem>;
        clear: func() -> result<_, problem>;";
    let before = api(ITEMS, &routes()[..2]);
    let more = [route(Method::Delete, "/things", "clear")];
    let after = api(items, &[&routes()[..], &more].concat());
    assert_eq!(sentences(&before, &after), [""; 0]);
    assert_eq!(
        additions(&before, &after),
        [
            "GET /things/{id}: the query parameter deep is new",
            "GET /things/{id}: the response's member color is new",
            "PUT /things/{id}: the body's member color is new",
            "PUT /things/{id}: the response's member color is new",
            "DELETE /things/{id}: the route is new",
            "DELETE /things: the route is new",
        ]
    );
    assert_eq!(additions(&before, &before), [""; 0]);
}
