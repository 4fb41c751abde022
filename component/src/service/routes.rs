//! The HTTP API: the operation of each path and method.

use crate::contract::service::{Access, Method, Route};

use Access::{Read, Write};
use Method::{Delete, Get, Patch, Post, Put};

/// Returns every route of both contracts.
pub fn all() -> Vec<Route> {
    vec![
        created(
            with_etag(tasks(Post, "/tasks", "create", Write)),
            "/tasks/{id}",
        ),
        paged(tasks(Get, "/tasks", "list", Read)),
        tasks(Post, "/tasks/bulk", "create-bulk", Write),
        tasks(Get, "/tasks/stats/summary", "summarize", Read),
        tasks(
            Get,
            "/tasks/analytics/productivity",
            "measure-productivity",
            Read,
        ),
        with_etag(tasks(Get, "/tasks/{id}", "get", Read)),
        with_etag(tasks(Put, "/tasks/{id}", "update", Write)),
        with_etag(tasks(Patch, "/tasks/{id}", "update", Write)),
        tasks(Delete, "/tasks/{id}", "delete", Write),
        paged(simple(Get, "/api/tasks", "list", Read)),
        created(
            simple(Post, "/api/tasks", "create", Write),
            "/api/tasks/{id}",
        ),
        simple(Get, "/api/tasks/{id}", "get", Read),
        simple(Put, "/api/tasks/{id}", "update", Write),
        simple(Delete, "/api/tasks/{id}", "delete", Write),
    ]
}

fn tasks(method: Method, path: &str, function: &str, access: Access) -> Route {
    route(method, path, format!("tasks:api/tasks#{function}"), access)
}

fn simple(method: Method, path: &str, function: &str, access: Access) -> Route {
    route(
        method,
        path,
        format!("tasks:api/simple-tasks#{function}"),
        access,
    )
}

fn route(method: Method, path: &str, operation: String, access: Access) -> Route {
    Route {
        method,
        path: path.to_owned(),
        operation,
        access,
        success: 200,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

/// Sets the success status to 201 and the `Location` header to the new resource.
fn created(route: Route, location: &str) -> Route {
    Route {
        success: 201,
        location: Some(location.to_owned()),
        ..route
    }
}

/// Uses the task's checksum as the entity tag.
fn with_etag(route: Route) -> Route {
    Route {
        etag: Some("checksum".to_owned()),
        ..route
    }
}

/// Uses the page's tasks as the body, and sends the cursor of the next page in the `Link` header.
fn paged(route: Route) -> Route {
    Route {
        body: Some("tasks".to_owned()),
        next: Some("next".to_owned()),
        ..route
    }
}
