//! The HTTP API: the operation of each path and method.

use crate::contract::service::{Access, Method, Route};

use Access::{Read, Write};
use Method::{Delete, Get, Patch, Post, Put};

/// Returns every route of both contracts.
pub fn all() -> Vec<Route> {
    vec![
        tasks(Post, "/tasks", "create", Write)
            .created("/tasks/{id}")
            .etag("checksum"),
        tasks(Get, "/tasks", "list", Read).paged("tasks", "next"),
        tasks(Post, "/tasks/bulk", "create-bulk", Write),
        tasks(Get, "/tasks/stats/summary", "summarize", Read),
        tasks(Get, "/tasks/stats/count", "count", Read),
        tasks(
            Get,
            "/tasks/analytics/productivity",
            "measure-productivity",
            Read,
        ),
        tasks(Post, "/tasks/stats/recount", "recount", Write),
        tasks(Post, "/tasks/search/reindex", "reindex", Write),
        tasks(Get, "/tasks/{id}", "get", Read).etag("checksum"),
        tasks(Put, "/tasks/{id}", "update", Write).etag("checksum"),
        tasks(Patch, "/tasks/{id}", "update", Write).etag("checksum"),
        tasks(Delete, "/tasks/{id}", "delete", Write),
        tasks(Post, "/tasks/{id}/restore", "restore", Write).etag("checksum"),
        tasks(Get, "/tasks/{id}/changes", "list-changes", Read),
        simple(Get, "/api/tasks", "list", Read).paged("tasks", "next"),
        simple(Post, "/api/tasks", "create", Write).created("/api/tasks/{id}"),
        simple(Get, "/api/tasks/{id}", "get", Read),
        simple(Put, "/api/tasks/{id}", "update", Write),
        simple(Delete, "/api/tasks/{id}", "delete", Write),
    ]
}

fn tasks(method: Method, path: &str, function: &str, access: Access) -> Route {
    Route::new(method, path, format!("tasks:api/tasks#{function}"), access)
}

fn simple(method: Method, path: &str, function: &str, access: Access) -> Route {
    Route::new(
        method,
        path,
        format!("tasks:api/simple-tasks#{function}"),
        access,
    )
}
