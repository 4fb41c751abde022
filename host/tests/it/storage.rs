//! What every storage engine has to do, written against the traits alone; what only SQLite has
//! (files, and a sync that a test can hold) stands in `files` and `durability`.

mod answers;
mod durability;
mod escapes;
mod feed;
mod files;
mod migrations;
mod registry;
mod statements;
mod transactions;
mod transfer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use task_host::contract::{Access, Migration};
use task_host::storage::{
    Budget, Cell, Database, Dialect, Error, Event, Failure, Location, Options, Rows, Transaction,
    Value, connect,
};

/// The tables that the tests use.
const SCHEMA: &str = "
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL UNIQUE,
        rank INTEGER CONSTRAINT rank_is_positive CHECK (rank > 0)
    );
    CREATE TABLE marks (
        note INTEGER NOT NULL REFERENCES notes (id),
        label TEXT NOT NULL,
        PRIMARY KEY (note, label)
    );
    CREATE TABLE promises (
        note INTEGER NOT NULL REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED
    );";

/// How the tests open a trial database.
const TRIAL: Options = Options {
    readers: 4,
    no_sync: false,
};

/// An empty database that has the tables of [`SCHEMA`].
async fn fresh() -> Arc<dyn Database> {
    let database = connect(&Location::Temporary, TRIAL).unwrap();
    prepare(&*database).await;
    database
}

/// Gives a database the tables of [`SCHEMA`].
async fn prepare(database: &dyn Database) {
    let mut transaction = database.begin_migration(generous()).await.unwrap();
    let steps = [step("0001-tables", SCHEMA)];
    let applied = transaction.migrate(&steps, false);
    assert_eq!(applied.await.unwrap().unwrap(), ["0001-tables"]);
    transaction.commit().await.unwrap();
}

fn step(name: &str, text: &str) -> Migration {
    Migration {
        name: name.into(),
        sqlite: text.into(),
        postgres: text.into(),
    }
}

/// More than any test uses.
fn generous() -> Budget {
    Budget {
        deadline: Instant::now() + Duration::from_secs(60),
        wait: Duration::from_secs(60),
        hold: Duration::from_secs(60),
        statements: 1000,
        rows: 1_000_000,
        bytes: 1 << 30,
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

async fn writer(database: &dyn Database) -> Box<dyn Transaction> {
    database.begin(Access::Write, generous()).await.unwrap()
}

async fn reader(database: &dyn Database) -> Box<dyn Transaction> {
    database.begin(Access::Read, generous()).await.unwrap()
}

/// Runs one statement that changes something, in a transaction of its own.
async fn write(database: &dyn Database, statement: &str) {
    let mut transaction = writer(database).await;
    execute(&mut *transaction, statement).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn execute(transaction: &mut dyn Transaction, statement: &str) -> Result<u64, Failure> {
    transaction.execute(statement, &[]).await.unwrap()
}

async fn query(transaction: &mut dyn Transaction, statement: &str) -> Result<Rows, Failure> {
    transaction.query(statement, &[]).await.unwrap()
}

/// The one integer that a statement returns.
async fn integer(transaction: &mut dyn Transaction, statement: &str) -> i64 {
    match query(transaction, statement).await.unwrap().cells[..] {
        [Cell::Integer(value)] => value,
        ref other => panic!("{statement} returned {other:?}"),
    }
}

/// The number of notes that a new transaction sees.
async fn notes(database: &dyn Database) -> i64 {
    integer(&mut *reader(database).await, "SELECT count(*) FROM notes").await
}

fn unavailable(error: &Error) -> &str {
    match error {
        Error::Unavailable(reason) => reason,
        other => panic!("{other:?}"),
    }
}
