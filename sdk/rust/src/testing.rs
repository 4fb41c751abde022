//! Logic on the build machine: tests with a database of their own, in the place of the host.
//!
//! A function with [`#[task_host_sdk::test]`](macro@crate::test) has a database of its own with the service's
//! migrations. Each operation that it calls is a transaction, as on the host: if it fails, nothing of it is kept, and
//! after a failed statement no other one runs. A GET cannot write.
//!
//! The database is SQLite in memory. If the environment variable [`DATABASE`] has the URL of a PostgreSQL database,
//! such as `postgres://USER:PASSWORD@HOST/NAME`, the tests run on that one, each in a transaction that is rolled
//! back. That needs the feature `postgres` of this crate.
//!
//! The host's limits of time, rows and memory do not apply. Some functions of SQLite that the host does not offer are
//! available here.

mod database;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub use database::{DATABASE, Database};

use crate::bindings::task_host::platform::events::Event;
use crate::bindings::task_host::platform::sql::Dialect;
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::platform::Platform as _;
use crate::service::{Access, Description, Migration};

/// A service of this program. The macros `service` and `component` register it.
#[derive(Debug)]
pub struct Service {
    /// Describes the service.
    pub describe: fn() -> Description,
}
inventory::collect!(Service);

/// A statement of this program. The macro `sql!` registers it.
#[derive(Debug)]
pub struct Registered {
    /// The text.
    pub text: &'static str,
    /// The engine, if it is for one only.
    pub dialect: Option<Dialect>,
    /// The source file.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}
inventory::collect!(Registered);

thread_local! {
    /// The database of the test that this thread runs.
    static CURRENT: RefCell<Option<Database>> = const { RefCell::new(None) };
}

/// Calls a function with the database of the running test.
///
/// # Panics
/// If no test runs on this thread.
pub fn with<T>(body: impl FnOnce(&mut Database) -> T) -> T {
    CURRENT.with_borrow_mut(|current| {
        let database = current.as_mut().expect(
            "there is no database here: on the build machine logic runs in functions with the attribute \
             #[task_host_sdk::test], and on their thread",
        );
        body(database)
    })
}

/// Runs a test on a new database with the migrations of the program's service.
///
/// # Panics
/// If the program has no service or more than one, if a migration fails, or if the test does.
pub fn run<T>(body: impl FnOnce() -> T) -> T {
    run_with(&migrations(), body)
}

/// Runs a test on a new database with these migrations, for a service whose interface is written in WIT.
///
/// # Panics
/// If a migration fails, or if the test does.
pub fn run_with<T>(migrations: &[Migration], body: impl FnOnce() -> T) -> T {
    run_on(Database::new(migrations), body)
}

/// Runs a test on this database.
///
/// # Panics
/// If the test does.
pub fn run_on<T>(database: Database, body: impl FnOnce() -> T) -> T {
    CURRENT.set(Some(database));
    let result = catch_unwind(AssertUnwindSafe(body));
    CURRENT.set(None);
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

fn migrations() -> Vec<Migration> {
    let mut services = inventory::iter::<Service>.into_iter();
    let service = services.next().expect(
        "there is no service: the attribute #[service] makes one of a module, and component! one of a WIT",
    );
    assert!(
        services.next().is_none(),
        "there are two services: give each a package of its own, or call testing::run_with"
    );
    (service.describe)().migrations
}

/// Whether all routes of a function, named as in WIT, only read.
pub(crate) fn only_reads(function: &str) -> bool {
    let services = inventory::iter::<Service>.into_iter();
    let routes = services.flat_map(|service| (service.describe)().routes);
    let mut routes = routes
        .filter(|route| route.operation.rsplit('#').next() == Some(function))
        .peekable();
    routes.peek().is_some() && routes.all(|route| route.access == Access::Read)
}

/// Compiles each statement of the program on the migrated schema. The macros `service` and `component` make a test of
/// it.
///
/// # Panics
/// If a statement does not compile. The message names all of them with their lines.
pub fn check_statements() {
    check_statements_with(&migrations());
}

/// The same for a service whose interface is written in WIT.
///
/// # Panics
/// The same as [`check_statements`].
pub fn check_statements_with(migrations: &[Migration]) {
    let mut database = Database::new(migrations);
    let dialect = database.dialect();
    let mut faults: Vec<String> = inventory::iter::<Registered>
        .into_iter()
        .filter(|statement| statement.dialect.is_none_or(|only| only == dialect))
        .filter_map(|statement| {
            let error = database.prepare(statement.text).err()?;
            let Registered {
                text, file, line, ..
            } = statement;
            Some(format!("{file}:{line}: {error}\n    {text}"))
        })
        .collect();
    faults.sort();
    assert!(
        faults.is_empty(),
        "statements do not fit the schema of the migrations:\n{}",
        faults.join("\n")
    );
}

/// Sets the time of the requests that follow.
pub fn set_now(now: Datetime) {
    with(|database| database.set_now(now));
}

/// Returns the events of the operations that succeeded, in order.
pub fn events() -> Vec<Event> {
    with(|database| database.events().to_vec())
}

/// Returns the lines that were logged: level, message and fields.
pub fn log_lines() -> Vec<String> {
    with(|database| database.log_lines().to_vec())
}

/// Runs an operation as a transaction. An operation that another one calls is a part of that one.
pub(crate) fn operation<T, E>(
    read_only: bool,
    body: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if !with(|database| database.begin(read_only)) {
        return body();
    }
    let result = catch_unwind(AssertUnwindSafe(body));
    let keep = matches!(result, Ok(Ok(_))) && !read_only;
    with(|database| database.end(keep));
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Compares the columns of the last statement with the fields that they are read as. A component does not know the
/// names of columns.
pub(crate) fn compare_columns(fields: &[&str], statement: &str) {
    let columns = with(|database| database.columns().to_vec());
    if fields.is_empty() || columns == fields {
        return;
    }
    panic!(
        "the statement returns the columns {columns:?}, but the struct has the fields {fields:?}: make them the same, \
         in the same order\n    {statement}"
    );
}
