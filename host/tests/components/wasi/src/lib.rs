//! A service that uses and misuses all of WASI, for the host's tests.
//!
//! `describe` uses what runtimes of languages use when they start, and reports it in the version.

mod attempts;
mod bindings;

use std::time::{SystemTime, UNIX_EPOCH};

use bindings::exports::task_host::platform::service::{
    Access, Asset, Description, Guest, Method, Migration, Route,
};
use bindings::exports::toys::wasi::attempts as exported;
use bindings::task_host::platform::types::Problem;

/// The implementation of the exported interfaces.
struct Component;

impl exported::Guest for Component {
    fn attempt(what: String, n: Option<u64>) -> Result<Vec<String>, Problem> {
        attempts::attempt(&what, n.unwrap_or(1)).ok_or_else(|| Problem {
            status: 404,
            code: "unknown-attempt".to_owned(),
            title: "No such attempt".to_owned(),
            detail: None,
            errors: Vec::new(),
            extensions: Vec::new(),
        })
    }
}

impl Guest for Component {
    fn describe() -> Description {
        println!("describing");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let facts = [
            format!("{}s", now.expect("a time after 1970").as_secs()),
            format!("{} variables", std::env::vars_os().count()),
            attempts::attempt("random", 4).unwrap_or_default().join(" "),
        ];
        Description {
            name: "WASI".to_owned(),
            version: facts.join(", "),
            routes: vec![Route {
                method: Method::Get,
                path: "/attempts/{what}".to_owned(),
                operation: "toys:wasi/attempts#attempt".to_owned(),
                access: Access::Read,
                success: 200,
                location: None,
                body: None,
                etag: None,
                next: None,
            }],
            migrations: Vec::<Migration>::new(),
            constraints: Vec::new(),
        }
    }

    fn assets() -> Vec<Asset> {
        eprintln!("collecting assets");
        Vec::new()
    }

    fn check() -> Result<(), String> {
        Ok(())
    }

    fn health() -> Result<Vec<(String, i64)>, String> {
        Ok(Vec::new())
    }
}
