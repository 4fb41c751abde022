//! The HTTP API: which path leads to which operation.

use crate::contract::service::{Access, Method, Route};

use Access::{Read, Write};
use Method::{Delete, Get, Patch, Post, Put};

/// Every route of both contracts.
pub fn all() -> Vec<Route> {
    vec![
        created(
            tagged(tasks(Post, "/tasks", "create", Write)),
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
        tagged(tasks(Get, "/tasks/{id}", "get", Read)),
        tagged(tasks(Put, "/tasks/{id}", "update", Write)),
        tagged(tasks(Patch, "/tasks/{id}", "update", Write)),
        tasks(Delete, "/tasks/{id}", "delete", Write),
        simple(Get, "/api/tasks", "list", Read),
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

/// Answers 201 and says where the new thing is.
fn created(route: Route, location: &str) -> Route {
    Route {
        success: 201,
        location: Some(location.to_owned()),
        ..route
    }
}

/// The task's checksum is the entity tag.
fn tagged(route: Route) -> Route {
    Route {
        etag: Some("checksum".to_owned()),
        ..route
    }
}

/// The body is the page's tasks; the cursor travels in a header.
fn paged(route: Route) -> Route {
    Route {
        body: Some("tasks".to_owned()),
        next: Some("next".to_owned()),
        ..route
    }
}
