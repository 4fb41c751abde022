//! What the logic tells the host about itself: its routes, its schema, its web UI, its
//! health.

mod assets;
mod check;
mod routes;

pub use self::assets::assets;
pub use self::check::check;

use crate::contract::service::{Description, Migration};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store;

/// Describes the logic: the same at every call.
pub fn describe() -> Description {
    Description {
        name: "Task Management API".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        routes: routes::all(),
        migrations: migrations(),
    }
}

/// The steps of the schema. A step that was released never changes again: add one at the end.
fn migrations() -> Vec<Migration> {
    vec![Migration {
        name: "0001-tasks".to_owned(),
        sqlite: include_str!("../migrations/0001-tasks.sqlite.sql").to_owned(),
        postgres: include_str!("../migrations/0001-tasks.postgres.sql").to_owned(),
    }]
}

/// Figures for the health of the service.
///
/// # Errors
/// One sentence that says why the tasks cannot be counted.
pub fn health(platform: &mut impl Platform) -> Result<Vec<(String, i64)>, String> {
    match store::tasks::count(platform) {
        Ok(total) => Ok(vec![("total_tasks".to_owned(), total)]),
        Err(Refusal::Database(failure)) => Err(failure.detail),
        Err(_) => Err("the tasks could not be counted".to_owned()),
    }
}
