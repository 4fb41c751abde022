//! Binds routes to functions, and checks the message for each mismatch.

use super::support::{interface, operation, route};
use crate::Operation;
use contract::{Access, Method, Route};

const ITEMS: &str = "
    record thing { id: s64, name: string, tag: string, next: option<string>, parts: list<string> }
    record filter { name: option<string>, cursor: option<string> }
    record tree { thing: thing }
    get: func(thing-id: s64) -> result<thing, problem>;
    put: func(id: s64, thing: thing) -> result<thing, problem>;
    find: func(filter: filter) -> result<thing, problem>;
    find-deep: func(tree: tree) -> result<thing, problem>;
    find-things: func(things: list<thing>) -> result<thing, problem>;
    find-twice: func(filter: filter, name: string) -> result<thing, problem>;
    add: func(thing: thing, notify: option<bool>) -> result<thing, problem>;
    add-two: func(a: thing, b: thing) -> result<thing, problem>;
    add-ids: func(ids: list<s64>, force: bool) -> result<thing, problem>;
    add-text: func(text: string) -> result<thing, problem>;
    clear: func() -> result<_, problem>;
    count: func() -> u64;
";

fn bind(method: Method, path: &str, function: &str) -> Result<Operation, String> {
    bind_route(&route(method, path, function))
}

fn bind_route(route: &Route) -> Result<Operation, String> {
    Operation::bind(&interface(ITEMS), route).map_err(|error| error.to_string())
}

fn error(method: Method, path: &str, function: &str) -> String {
    bind(method, path, function).unwrap_err()
}

#[test]
fn an_operation_names_the_exact_export() {
    let operation = operation(ITEMS, Method::Get, "/things/{thing-id}", "get");
    assert_eq!(operation.interface(), "test:api/things@1.2.0");
    assert_eq!(operation.function(), "get");
    assert_eq!(operation.route().path, "/things/{thing-id}");
}

#[test]
fn path_parameters_bind_in_both_spellings() {
    assert!(bind(Method::Get, "/things/{thing-id}", "get").is_ok());
    assert!(bind(Method::Get, "/things/{thing_id}", "get").is_ok());
}

#[test]
fn an_unknown_function_is_named() {
    assert_eq!(
        error(Method::Get, "/x", "nothing"),
        "route GET /x: the component exports no function test:api/things#nothing"
    );
}

#[test]
fn a_function_without_a_problem_is_named() {
    assert_eq!(
        error(Method::Get, "/x", "count"),
        "route GET /x: the function test:api/things#count cannot be an operation: it does not \
         return result<_, problem> with problem from task-host:platform/types"
    );
}

#[test]
fn path_templates_are_checked() {
    let path_error = |path: &str| error(Method::Post, path, "clear");
    assert_eq!(
        path_error("x"),
        "route POST x: its path is invalid: x does not start with a slash"
    );
    for path in ["//", "/x/", "/a//b"] {
        assert!(path_error(path).ends_with("has an empty segment"), "{path}");
    }
    for path in [
        "/a{b}", "/{a}b", "/{}", "/{*rest}", "/a b", "/a?b", "/{a", "/%41",
    ] {
        assert!(
            path_error(path).contains("is neither plain text nor one name"),
            "{path}"
        );
    }
    assert_eq!(
        path_error("/{a-b}/{a_b}"),
        "route POST /{a-b}/{a_b}: its path is invalid: the parameter a_b is repeated"
    );
    assert!(bind(Method::Post, "/", "clear").is_ok());
}

#[test]
fn path_parameters_are_checked() {
    assert_eq!(
        error(Method::Post, "/{id}", "clear"),
        "route POST /{id}: its path has a parameter {id}, but the function has no such parameter"
    );
    assert_eq!(
        error(Method::Get, "/{filter}", "find"),
        "route GET /{filter}: its path parameter {filter} is not a number, a string, a bool, \
         an enum or a datetime"
    );
}

#[test]
fn a_query_cannot_hold_structures() {
    let rejected = |function: &str, item: &str| {
        assert_eq!(
            error(Method::Get, "/x", function),
            format!(
                "route GET /x: {item} would come from the query, which can hold only scalars, \
                 lists of scalars, and options of either"
            )
        );
    };
    rejected("find-deep", "tree.thing");
    rejected("find-things", "things");
    assert_eq!(
        error(Method::Get, "/x", "find-twice"),
        "route GET /x: two parameters would come from the query parameter name"
    );
}

#[test]
fn the_body_must_be_unambiguous() {
    assert!(bind(Method::Post, "/x", "add").is_ok());
    assert!(bind(Method::Post, "/x", "add-text").is_ok());
    assert!(bind(Method::Put, "/x/{id}", "put").is_ok());
    assert_eq!(
        error(Method::Post, "/x", "add-two"),
        "route POST /x: it is unclear which parameter is the body (a, b); make exactly one of them \
         a record, or combine them in one record"
    );
    assert!(error(Method::Post, "/x", "add-ids").contains("the body (ids, force)"));
}

#[test]
fn statuses_and_access_are_checked() {
    let mut bad = route(Method::Post, "/x", "clear");
    bad.success = 302;
    assert_eq!(
        bind_route(&bad).unwrap_err(),
        "route POST /x: its success status is 302, but it must be from 200 to 299"
    );
    let mut no_content = route(Method::Post, "/x", "add");
    no_content.success = 204;
    assert_eq!(
        bind_route(&no_content).unwrap_err(),
        "route POST /x: its success status is 204, which has no body, but the function returns one"
    );
    let mut writing = route(Method::Get, "/x", "find");
    writing.access = Access::Write;
    assert_eq!(
        bind_route(&writing).unwrap_err(),
        "route GET /x: GET must have access read"
    );
}

#[test]
fn members_of_the_result_are_checked() {
    let with = |change: fn(&mut Route)| {
        let mut route = route(Method::Get, "/x", "find");
        change(&mut route);
        bind_route(&route).map(drop)
    };
    let set = |member: &str| Some(member.to_owned());
    assert_eq!(with(|r| r.etag = Some("tag".to_owned())), Ok(()));
    assert_eq!(with(|r| r.next = Some("next".to_owned())), Ok(()));
    assert_eq!(with(|r| r.body = Some("parts".to_owned())), Ok(()));
    assert_eq!(
        with(|r| r.location = Some("/x/{id}/{name}".to_owned())),
        Ok(())
    );
    assert_eq!(
        with(|r| r.etag = Some("id".to_owned())),
        Err("route GET /x: its etag is the result's member id, which is not a string".to_owned())
    );
    assert_eq!(
        with(|r| r.next = Some("name".to_owned())),
        Err(
            "route GET /x: its next is the result's member name, which is not an option<string>"
                .to_owned()
        )
    );
    assert_eq!(
        with(|r| r.body = Some("nothing".to_owned())),
        Err(
            "route GET /x: its body is the result's member nothing, but the function's result \
             has no such member"
                .to_owned()
        )
    );
    assert_eq!(
        with(|r| r.location = Some("/x/{parts}".to_owned())),
        Err(
            "route GET /x: its location is the result's member parts, which is not a scalar"
                .to_owned()
        )
    );
    assert_eq!(
        with(|r| r.location = Some("x".to_owned())),
        Err("route GET /x: its location is invalid: x does not start with a slash".to_owned())
    );
    let mut without_cursor = route(Method::Get, "/x/{thing-id}", "get");
    without_cursor.next = set("next");
    assert_eq!(
        bind_route(&without_cursor).unwrap_err(),
        "route GET /x/{thing-id}: it has a next page, but the function has no query \
         parameter cursor: option<string>"
    );
    let mut nothing = route(Method::Post, "/x", "clear");
    nothing.body = set("id");
    assert!(bind_route(&nothing).is_err());
}
