//! What happens when SQLite's heap is full. SQLite has one heap for the whole process, so these tests
//! are a process of their own, with a small heap that all of them share.

// The short name that the workspace uses, also inside of the package itself.
extern crate task_host_storage as storage;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use contract::{Access, Migration};
use storage::{
    Attempt, Budget, Cell, Database, Error, Limit, Location, MigrationError, Options, Transaction,
    connect,
};
use testkit::eventually;

const READERS: usize = 12;
const HEAP: u64 = 48 << 20;

/// Collects rows of a thousand bytes until memory is full.
const GREEDY: &str = "WITH RECURSIVE rows (n, padding) AS (SELECT 1, hex(zeroblob(500)) \
    UNION SELECT n + 1, padding FROM rows) SELECT count(*) FROM rows";

fn open() -> Arc<dyn Database> {
    let options = Options {
        readers: READERS,
        memory_bytes: HEAP,
        ..Options::default()
    };
    // Beside the statements of other tests there may be no memory for it.
    eventually("there is memory to open a database", || {
        connect(&Location::Temporary, options.clone()).ok()
    })
}

fn budget() -> Budget {
    Budget {
        deadline: Instant::now() + Duration::from_secs(60),
        wait_until: Instant::now() + Duration::from_secs(60),
        hold: Duration::from_secs(60),
        statements: 10_000,
        rows: 1000,
        bytes: 1 << 30,
        attempt: Attempt::Repeated,
    }
}

async fn begin(database: &dyn Database, access: Access) -> Box<dyn Transaction> {
    database.begin(access, budget()).await.unwrap()
}

fn migration(text: String) -> Migration {
    Migration {
        name: "0001".into(),
        sqlite: text,
        postgres: String::new(),
    }
}

async fn migrate(database: &dyn Database, text: &str) -> Result<Vec<String>, MigrationError> {
    let mut migrating = database.begin_migration(budget()).await.unwrap();
    let outcome = migrating.migrate(&[migration(text.into())], false).await;
    let outcome = outcome.unwrap();
    if outcome.is_ok() {
        migrating.commit().await.unwrap();
    }
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_needs_too_much_memory_is_the_logics_fault() {
    let database = open();
    for access in [Access::Read, Access::Write] {
        let mut transaction = begin(&*database, access).await;
        let outcome = transaction.query(GREEDY, &[]).await;
        assert_eq!(outcome, Err(Error::Limit(Limit::Memory)));
        assert!(transaction.spent());
    }
    let mut later = begin(&*database, Access::Read).await;
    later.query("SELECT 1", &[]).await.unwrap().unwrap();
    let greedy = later.query(GREEDY, &[]).await;
    assert_eq!(greedy, Err(Error::Limit(Limit::Memory)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_and_other_requests_go_on_beside_greedy_statements() {
    let database = open();
    let table = "CREATE TABLE notes (title TEXT)";
    assert_eq!(migrate(&*database, table).await.unwrap(), ["0001"]);
    let greedy = |database: Arc<dyn Database>| async move {
        for _ in 0..5 {
            let mut reading = begin(&*database, Access::Read).await;
            let outcome = reading.query(GREEDY, &[]).await;
            // Beside the host's statements it may be told to try again.
            let expected = [Error::Limit(Limit::Memory), Error::Conflict];
            assert!(
                expected.contains(outcome.as_ref().unwrap_err()),
                "{outcome:?}"
            );
        }
    };
    let greedy: Vec<_> = (0..4)
        .map(|_| tokio::spawn(greedy(database.clone())))
        .collect();
    let (mut rounds, mut kept) = (0, 0);
    while rounds < 20 || !greedy.iter().all(tokio::task::JoinHandle::is_finished) {
        rounds += 1;
        // New texts, so that each needs memory.
        let mut writing = begin(&*database, Access::Write).await;
        let insert = format!("INSERT INTO notes VALUES ('{rounds}')");
        let written = match writing.execute(&insert, &[]).await {
            Ok(done) => {
                assert_eq!(done, Ok(1));
                writing.commit().await
            }
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => kept += 1,
            Err(error) => assert_eq!(error, Error::Conflict),
        }
        assert_eq!(database.registry().deployments(10).await, Ok(vec![]));
        assert_eq!(database.ping().await, Ok(()));
    }
    for task in greedy {
        task.await.unwrap();
    }
    assert!(kept > 0);
    let mut reading = begin(&*database, Access::Read).await;
    let count = reading.query("SELECT count(*) FROM notes", &[]).await;
    assert_eq!(count.unwrap().unwrap().cells, [Cell::Integer(kept)]);
    assert!(database.stats().memory_retries.load(Relaxed) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_statements_of_all_connections_are_bounded_by_their_size() {
    let database = open();
    let mut readers = Vec::new();
    // One less than there are, for a transaction that runs again.
    for _ in 1..READERS {
        readers.push(begin(&*database, Access::Read).await);
    }
    for (reader, transaction) in readers.iter_mut().enumerate() {
        for number in 0..300 {
            let text = format!("SELECT {reader} + {number}, '{}'", "x".repeat(6000));
            // The heap is shared with the other tests. If they fill it, this transaction may have to run again.
            let rows = loop {
                match transaction.query(&text, &[]).await {
                    Err(Error::Conflict) => *transaction = begin(&*database, Access::Read).await,
                    ended => break ended.unwrap(),
                }
            };
            rows.unwrap();
        }
    }
    drop(readers);
    let cached = database.stats().cached_statement_bytes.load(Relaxed);
    assert!(cached > 0 && cached <= 2 * HEAP / 4, "{cached}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_whose_definitions_would_fill_the_heap_is_refused() {
    let database = open();
    let table = |number| {
        format!(
            "CREATE TABLE t{number} (a CHECK (a IN ({}1)));",
            "1,".repeat(900)
        )
    };
    let few: String = (0..5).map(table).collect();
    assert_eq!(migrate(&*database, &few).await.unwrap(), ["0001"]);
    let database = open();
    let many: String = (0..10).map(table).collect();
    let refused = migrate(&*database, &many).await.unwrap_err().to_string();
    assert!(
        refused.contains("more than 12288; shorten them"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_runs_out_of_memory_begins_again_as_a_whole() {
    let database = open();
    let greedy = tokio::spawn({
        let database = database.clone();
        async move {
            for _ in 0..5 {
                let mut reading = begin(&*database, Access::Read).await;
                drop(reading.query(GREEDY, &[]).await);
            }
        }
    });
    let table = |number| format!("CREATE TABLE t{number} (a UNIQUE, b UNIQUE);");
    let tables: String = (0..20).map(table).collect();
    while !greedy.is_finished() {
        let mut migrating = database.begin_migration(budget()).await.unwrap();
        let outcome = migrating.migrate(&[migration(tables.clone())], false).await;
        // Beside the greedy statements it may be told to try again. It never meets its own tables.
        let done = outcome.unwrap_or_else(|error| {
            assert!(
                [Error::Limit(Limit::Memory), Error::Conflict].contains(&error),
                "{error}"
            );
            Ok(vec!["0001".into()])
        });
        assert_eq!(done.unwrap(), ["0001"]);
    }
    greedy.await.unwrap();
}
