//! What the logic provides to the host about itself: its routes, its migrations, its constraints, its
//! web UI, its self-test and its health.

mod assets;
mod check;
mod constraints;
mod routes;

pub use self::assets::assets;
pub use self::check::check;

use crate::contract::service::{Description, Migration};
use crate::error::Error;
use crate::platform::Platform;
use crate::store;

/// Describes the logic. Returns the same value at every call.
pub fn describe() -> Description {
    Description {
        name: "Task Management API".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        routes: routes::all(),
        migrations: migrations(),
        constraints: constraints::all(),
    }
}

/// Returns the steps of the schema. Never change a step that was released, not even a comment in it:
/// the host compares checksums. Add new steps at the end.
fn migrations() -> Vec<Migration> {
    vec![Migration {
        name: "0001-tasks".to_owned(),
        sqlite: include_str!("../migrations/0001-tasks.sqlite.sql").to_owned(),
        postgres: include_str!("../migrations/0001-tasks.postgres.sql").to_owned(),
    }]
}

/// Returns the figures for the health endpoint.
///
/// # Errors
/// Returns a sentence that says why the tasks cannot be counted.
pub fn health(platform: &mut impl Platform) -> Result<Vec<(String, i64)>, String> {
    match store::tasks::count(platform) {
        Ok(total) => Ok(vec![("total_tasks".to_owned(), total)]),
        Err(Error::Database(failure)) => Err(failure.detail),
        Err(_) => Err("the tasks could not be counted".to_owned()),
    }
}
