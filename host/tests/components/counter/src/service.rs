//! What the service provides to the host: routes, migrations, files, self-test and health figures.

use crate::Component;
use crate::bindings::exports::task_host::platform::service::{
    Access, Asset, Description, Guest, Method, Migration, Route,
};
use crate::bindings::exports::toys::counters::counters::{
    Advance, CounterDraft, Guest as Counters,
};
use crate::bindings::task_host::platform::types::Problem;
use crate::store;

use Access::{Read, Write};
use Method::{Delete, Get, Patch, Post, Put};

const PAGE: &str = "<!doctype html><html lang=\"en\"><title>Counters</title><h1>Counters</h1>\n";

impl Guest for Component {
    fn describe() -> Description {
        Description {
            name: "Counters".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            routes: routes(),
            migrations: vec![
                migration("0001-counters", store::TABLES),
                migration("0002-colors", store::INDEX),
            ],
            constraints: Vec::new(),
        }
    }

    fn assets() -> Vec<Asset> {
        vec![Asset {
            path: "/".to_owned(),
            media_type: "text/html; charset=utf-8".to_owned(),
            content: PAGE.into(),
        }]
    }

    fn check() -> Result<(), String> {
        let detail = |problem: Problem| problem.detail.unwrap_or(problem.title);
        let draft = CounterDraft {
            name: "self-test of the counters".to_owned(),
            value: Some(u64::MAX - 1),
            step: None,
            color: None,
            remarks: Some(vec![("why".to_owned(), "it is rolled back".to_owned())]),
        };
        let counter = <Component as Counters>::create(draft).map_err(detail)?;
        let by = Advance { by: None };
        let counter = Component::increment(counter.name, by).map_err(detail)?;
        if counter.value == u64::MAX {
            Ok(())
        } else {
            Err(format!("counted to {}", counter.value))
        }
    }

    fn health() -> Result<Vec<(String, i64)>, String> {
        let count = store::count().map_err(|problem| problem.title)?;
        Ok(vec![("total-counters".to_owned(), count)])
    }
}

fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route {
            location: Some("/counters/{name}".to_owned()),
            ..versioned(Post, "/counters", "create", 201)
        },
        Route {
            body: Some("counters".to_owned()),
            next: Some("next".to_owned()),
            ..route(Get, "/counters", "counters#list", Read)
        },
        versioned(Get, "/counters/{name}", "get", 200),
        versioned(Put, "/counters/{name}", "put", 200),
        versioned(Patch, "/counters/{name}", "update", 200),
        versioned(Post, "/counters/{name}/increment", "increment", 200),
        Route {
            success: 204,
            ..route(Delete, "/counters/{name}", "counters#delete", Write)
        },
        route(Post, "/echo", "echo#echo-everything", Read),
        route(Post, "/echo/shape", "echo#echo-shape", Read),
        route(Post, "/echo/matrix", "echo#echo-matrix", Read),
        route(Post, "/echo/map", "echo#echo-map", Read),
        route(Post, "/echo/bytes", "echo#echo-bytes", Read),
        Route {
            success: 204,
            ..route(Post, "/echo/problem", "echo#echo-problem", Read)
        },
        route(Get, "/echo/{word}/{number}", "echo#echo-parameters", Read),
    ];
    routes.extend(naughty(Get, Read, &READING));
    routes.extend(naughty(Post, Write, &WRITING));
    routes
}

/// The functions of `naughty` that GET calls, in a read transaction, with the status of a success.
const READING: [(&str, u16); 24] = [
    ("trap", 204),
    ("endless-loop", 204),
    ("endless-calls", 204),
    ("recursion", 200),
    ("memory", 200),
    ("calls-seen", 200),
    ("log", 204),
    ("parameters", 200),
    ("large-result", 200),
    ("statements", 200),
    ("rows", 200),
    ("wide-rows", 200),
    ("slow-sql", 200),
    ("not-a-number", 200),
    ("infinity", 200),
    ("repeated-key", 200),
    ("scribble", 200),
    ("ignore-failure", 200),
    ("write-then-problem", 204),
    ("publish", 200),
    ("sql", 200),
    ("random", 200),
    ("clock", 200),
    ("wrong-status", 204),
];

/// The functions of `naughty` that POST calls, in a write transaction, with the status of a success.
const WRITING: [(&str, u16); 13] = [
    ("trap", 204),
    ("endless-loop", 204),
    ("slow-sql", 200),
    ("scribble", 200),
    ("ignore-failure", 200),
    ("write-then-trap", 204),
    ("write-then-problem", 204),
    ("write-then-loop", 204),
    ("write-then-not-a-number", 200),
    ("publish", 200),
    ("publish-then-problem", 204),
    ("publish-then-trap", 204),
    ("sql", 200),
];

fn naughty<'a>(
    method: Method,
    access: Access,
    functions: &'a [(&str, u16)],
) -> impl Iterator<Item = Route> + 'a {
    functions.iter().map(move |(function, success)| Route {
        success: *success,
        ..route(
            method,
            &format!("/naughty/{function}"),
            &format!("naughty#{function}"),
            access,
        )
    })
}

/// Creates a route whose result is a counter. The version of the counter is the entity tag.
fn versioned(method: Method, path: &str, function: &str, success: u16) -> Route {
    let access = if method == Get { Read } else { Write };
    Route {
        success,
        etag: Some("version".to_owned()),
        ..route(method, path, &format!("counters#{function}"), access)
    }
}

fn route(method: Method, path: &str, operation: &str, access: Access) -> Route {
    Route {
        method,
        path: path.to_owned(),
        operation: format!("toys:counters/{operation}"),
        access,
        success: 200,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

fn migration(name: &str, statements: &str) -> Migration {
    Migration {
        name: name.to_owned(),
        sqlite: statements.to_owned(),
        postgres: statements.to_owned(),
    }
}
