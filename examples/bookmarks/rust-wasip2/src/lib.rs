//! The bookmarks service in Rust for `wasm32-wasip2`. It uses the standard library as any other
//! program does: its clock, its random numbers, `println!` and a panic.

#![cfg_attr(
    not(target_arch = "wasm32"),
    expect(
        clippy::result_large_err,
        reason = "the contract's problem is large only on targets with 64-bit pointers"
    )
)]

mod bindings;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use bindings::exports::bookmarks::api::bookmarks::{self, Bookmark, Draft};
use bindings::exports::task_host::platform::service::{
    self, Access, Asset, Description, Method, Migration, Route,
};
use bindings::task_host::platform::sql::{self, Cell, Failure, Rows, Value};
use bindings::task_host::platform::types::Problem;

/// The implementation of both exported interfaces.
struct Component;

impl bookmarks::Guest for Component {
    fn create(draft: Draft) -> Result<Bookmark, Problem> {
        let statement = "INSERT INTO bookmarks (url) VALUES ($1) RETURNING id, url";
        let rows = sql::query(statement, &[Value::Text(draft.url)]).map_err(defect)?;
        first(&rows)
    }

    fn list() -> Result<Vec<Bookmark>, Problem> {
        let statement = "SELECT id, url FROM bookmarks ORDER BY id";
        let rows = sql::query(statement, &[]).map_err(defect)?;
        Ok(rows
            .cells
            .chunks(2)
            .map(|row| bookmark(&rows, row))
            .collect())
    }

    fn get(id: i64) -> Result<Bookmark, Problem> {
        let statement = "SELECT id, url FROM bookmarks WHERE id = $1";
        first(&sql::query(statement, &[Value::Integer(id)]).map_err(defect)?)
    }

    fn delete(id: i64) -> Result<(), Problem> {
        let statement = "DELETE FROM bookmarks WHERE id = $1";
        match sql::execute(statement, &[Value::Integer(id)]).map_err(defect)? {
            0 => Err(not_found()),
            _ => Ok(()),
        }
    }

    fn uuid() -> Result<String, Problem> {
        // The standard library's random numbers are the keys of its hash maps.
        let random = || u128::from(RandomState::new().hash_one(()));
        let bits = random() << 64 | random();
        Ok(format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xfff,
            bits >> 48 & 0x3fff | 0x8000,
            bits & 0xffff_ffff_ffff
        ))
    }

    fn clock() -> Result<i64, Problem> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(now.expect("the clock is after 1970").as_secs() as i64)
    }

    fn print(text: String) -> Result<(), Problem> {
        println!("{text}");
        eprintln!("{text}");
        Ok(())
    }

    fn panic(message: String) -> Result<(), Problem> {
        panic!("{message}")
    }
}

impl service::Guest for Component {
    fn describe() -> Description {
        let route = |method, path: &str, function: &str, access, success| Route {
            method,
            path: path.to_owned(),
            operation: format!("bookmarks:api/bookmarks#{function}"),
            access,
            success,
            location: None,
            body: None,
            etag: None,
            next: None,
        };
        let read = |path, function| route(Method::Get, path, function, Access::Read, 200);
        let create = Route {
            location: Some("/bookmarks/{id}".to_owned()),
            ..route(Method::Post, "/bookmarks", "create", Access::Write, 201)
        };
        let delete = route(
            Method::Delete,
            "/bookmarks/{id}",
            "delete",
            Access::Write,
            204,
        );
        let table = |key: &str| format!("CREATE TABLE bookmarks (id {key}, url text NOT NULL)");
        Description {
            name: "Bookmarks".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            routes: vec![
                create,
                read("/bookmarks", "list"),
                read("/bookmarks/{id}", "get"),
                delete,
                read("/uuid", "uuid"),
                read("/clock", "clock"),
                route(Method::Get, "/print", "print", Access::Read, 204),
                route(Method::Get, "/panic", "panic", Access::Read, 204),
            ],
            migrations: vec![Migration {
                name: "0001-bookmarks".to_owned(),
                sqlite: table("integer PRIMARY KEY AUTOINCREMENT"),
                postgres: table("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
            }],
            constraints: Vec::new(),
        }
    }

    fn assets() -> Vec<Asset> {
        Vec::new()
    }

    fn check() -> Result<(), String> {
        let title = |problem: Problem| problem.title;
        let draft = Draft {
            url: "https://example.com/".to_owned(),
        };
        let saved = <Component as bookmarks::Guest>::create(draft).map_err(title)?;
        let read = <Component as bookmarks::Guest>::get(saved.id).map_err(title)?;
        if read.url == saved.url {
            Ok(())
        } else {
            Err(format!("{} was saved as {}", saved.url, read.url))
        }
    }

    fn health() -> Result<Vec<(String, i64)>, String> {
        let list = <Component as bookmarks::Guest>::list();
        let mut schemes = HashMap::new();
        for bookmark in list.map_err(|problem| problem.title)? {
            let scheme = bookmark
                .url
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned();
            *schemes.entry(scheme).or_insert(0) += 1;
        }
        Ok(vec![("schemes".to_owned(), schemes.len() as i64)])
    }
}

fn first(rows: &Rows) -> Result<Bookmark, Problem> {
    let row = rows.cells.chunks(2).next().ok_or_else(not_found)?;
    Ok(bookmark(rows, row))
}

fn bookmark(rows: &Rows, row: &[Cell]) -> Bookmark {
    let [Cell::Integer(id), Cell::Text(url)] = row else {
        panic!("the columns are an id and an address");
    };
    let url = &rows.heap[url.start as usize..][..url.len as usize];
    Bookmark {
        id: *id,
        url: String::from_utf8_lossy(url).into_owned(),
    }
}

fn not_found() -> Problem {
    problem(404, "bookmark-not-found", "No such bookmark")
}

/// A statement failed, which is a defect. Its message is for the log only.
fn defect(failure: Failure) -> Problem {
    eprintln!("a statement failed: {}", failure.detail);
    problem(500, "defect", "The service has a defect")
}

fn problem(status: u16, code: &str, title: &str) -> Problem {
    Problem {
        status,
        code: code.to_owned(),
        title: title.to_owned(),
        detail: None,
        errors: Vec::new(),
        extensions: Vec::new(),
    }
}
