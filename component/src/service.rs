//! What the logic provides to the host about itself: its routes, its migrations, its constraints, its
//! web UI, its self-test and its health.

mod check;
mod constraints;
mod routes;

pub use self::check::check;

use crate::contract::service::{Asset, Description};
use crate::error::Error;
use crate::operations;
use crate::platform::Platform;

/// Describes the logic. Returns the same value at every call.
pub fn describe() -> Description {
    Description {
        name: "Task Management API".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        routes: routes::all(),
        migrations: task_host_sdk::migrations!("migrations"),
        constraints: constraints::all(),
    }
}

/// Returns the files of the web UI. They are part of the component, so that a page and the logic that it
/// calls are replaced together.
pub fn assets() -> Vec<Asset> {
    task_host_sdk::assets!("web")
}

/// Returns the figures for the health endpoint.
///
/// # Errors
/// Returns a sentence that says why the tasks cannot be counted.
pub fn health(platform: &mut impl Platform) -> Result<Vec<(String, i64)>, String> {
    match operations::total(platform) {
        Ok(total) => Ok(vec![("total_tasks".to_owned(), total)]),
        Err(Error::Database(failure)) => Err(failure.detail),
        Err(_) => Err("the tasks could not be counted".to_owned()),
    }
}
