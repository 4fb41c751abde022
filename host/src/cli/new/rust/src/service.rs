//! What the host asks a component: routes, migrations, the page, the self-test and health.

use crate::Logic;
use crate::bindings::exports::__SNAKE__::api::notes::{Draft, Guest as _};
use crate::bindings::exports::task_host::platform::service::{
    Access, Asset, Description, Guest, Method, Migration, Route,
};
use crate::database::{integer, query};

impl Guest for Logic {
    fn describe() -> Description {
        Description {
            name: "__NAME__".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            routes: vec![
                Route {
                    location: Some("/notes/{id}".into()),
                    ..route(Method::Post, "/notes", "create", Access::Write, 201)
                },
                route(Method::Get, "/notes", "list", Access::Read, 200),
                route(Method::Get, "/notes/{id}", "get", Access::Read, 200),
                route(Method::Delete, "/notes/{id}", "delete", Access::Write, 204),
            ],
            // They run once, in this order. Never change one that was released: add another.
            migrations: vec![Migration {
                name: "0001-notes".into(),
                sqlite: include_str!("../migrations/0001-notes.sqlite.sql").into(),
                postgres: include_str!("../migrations/0001-notes.postgres.sql").into(),
            }],
            // Bounds on values that the host checks before it calls the logic.
            constraints: Vec::new(),
        }
    }

    fn assets() -> Vec<Asset> {
        vec![
            asset("/", "text/html", include_bytes!("../web/index.html")),
            asset(
                "/notes.js",
                "text/javascript",
                include_bytes!("../web/notes.js"),
            ),
            asset("/style.css", "text/css", include_bytes!("../web/style.css")),
        ]
    }

    /// Runs before this version serves, and is rolled back. If it fails, no client sees this version.
    fn check() -> Result<(), String> {
        let draft = Draft {
            text: "self-test".into(),
        };
        let note = Logic::create(draft).map_err(|problem| problem.title)?;
        Logic::get(note.id).map_err(|problem| problem.title)?;
        Logic::delete(note.id).map_err(|problem| problem.title)
    }

    /// Figures for `GET /health`.
    fn health() -> Result<Vec<(String, i64)>, String> {
        let rows = query("SELECT count(*) FROM notes", &[])
            .map_err(|_| "the table cannot be read".to_string())?;
        Ok(vec![("total_notes".into(), integer(&rows.cells[0]))])
    }
}

fn route(method: Method, path: &str, function: &str, access: Access, success: u16) -> Route {
    Route {
        method,
        path: path.into(),
        operation: format!("__NAME__:api/notes#{function}"),
        access,
        success,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

fn asset(path: &str, media_type: &str, content: &[u8]) -> Asset {
    Asset {
        path: path.into(),
        media_type: media_type.into(),
        content: content.into(),
    }
}
