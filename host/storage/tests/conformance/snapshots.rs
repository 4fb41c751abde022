//! What a SQLite reader keeps between two transactions, and that nobody can tell.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use rusqlite::Connection;
use storage::sqlite::{CommitStep, Config, Sqlite};

use super::*;

/// A database with one note, in a file.
async fn file() -> (tempfile::TempDir, Sqlite) {
    let directory = tempfile::tempdir().unwrap();
    let database = Sqlite::open(Config::file(directory.path().join("notes.sqlite"))).unwrap();
    prepare(&database, Engine::Sqlite).await;
    write(&database, "INSERT INTO notes (title, rank) VALUES ('a', 1)").await;
    (directory, database)
}

/// Reads the note's rank in a transaction of its own, which ends as that of a request does.
async fn rank(database: &dyn Database) -> i64 {
    let mut reading = reader(database).await;
    let rank = integer(&mut *reading, "SELECT rank FROM notes").await;
    reading.commit().await.unwrap();
    rank
}

/// Whether the write-ahead log can start over now. A snapshot that is open prevents it.
fn log_can_restart(directory: &Path) -> bool {
    let sqlite = Connection::open(directory.join("notes.sqlite")).unwrap();
    sqlite.busy_timeout(Duration::ZERO).unwrap();
    let busy = sqlite.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0));
    busy == Ok(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_keeps_its_snapshot_until_the_next_commit() {
    let (directory, database) = file().await;
    assert!(log_can_restart(directory.path()));
    write(&database, "UPDATE notes SET rank = 2").await;
    assert_eq!(rank(&database).await, 2);
    assert!(!log_can_restart(directory.path()), "no snapshot was kept");
    // A transaction that is rolled back, and one that changes nothing, leave it as it is.
    drop(insert_another(&database).await);
    write(&database, "DELETE FROM notes WHERE id = 100").await;
    assert_eq!(rank(&database).await, 2);
    assert!(!log_can_restart(directory.path()));
    write(&database, "UPDATE notes SET rank = 3").await;
    assert!(
        log_can_restart(directory.path()),
        "the snapshot outlived a commit"
    );
    assert_eq!(rank(&database).await, 3);
}

async fn insert_another(database: &Sqlite) -> Box<dyn Transaction> {
    let mut writing = writer(database).await;
    execute(&mut *writing, "INSERT INTO notes (title) VALUES ('b')")
        .await
        .unwrap();
    writing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolled_back_read_keeps_its_snapshot_and_a_failed_or_dropped_one_does_not() {
    let (directory, database) = file().await;
    let mut problem = reader(&database).await;
    integer(&mut *problem, "SELECT rank FROM notes").await;
    problem.rollback().await.unwrap();
    assert!(!log_can_restart(directory.path()));
    let mut failed = reader(&database).await;
    query(&mut *failed, "SELECT nothing FROM notes")
        .await
        .unwrap_err();
    failed.rollback().await.unwrap();
    assert!(log_can_restart(directory.path()));
    write(&database, "UPDATE notes SET rank = 2").await;
    let mut dropped = reader(&database).await;
    integer(&mut *dropped, "SELECT rank FROM notes").await;
    drop(dropped);
    assert!(log_can_restart(directory.path()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_health_check_ends_the_kept_snapshot() {
    let (directory, database) = file().await;
    assert_eq!(rank(&database).await, 1);
    assert!(!log_can_restart(directory.path()));
    database.ping().await.unwrap();
    assert!(log_can_restart(directory.path()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_reaches_readers_that_kept_a_snapshot() {
    let (_directory, database) = file().await;
    assert_eq!(rank(&database).await, 1);
    let mut migrating = database.begin_migration(generous()).await.unwrap();
    let steps = [
        tables(Engine::Sqlite),
        step(
            "0002-rank",
            "ALTER TABLE notes ADD COLUMN weight INTEGER DEFAULT 7;",
        ),
    ];
    migrating.migrate(&steps, false).await.unwrap().unwrap();
    migrating.commit().await.unwrap();
    let mut reading = reader(&database).await;
    assert_eq!(integer(&mut *reading, "SELECT weight FROM notes").await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visible_commit_is_seen_before_it_is_over() {
    let (reached, steps) = std::sync::mpsc::channel();
    let (go_on, held) = std::sync::mpsc::channel();
    let held = std::sync::Mutex::new(held);
    let config = Config {
        at_commit: Some(Arc::new(move |step| {
            reached.send(step).unwrap();
            held.lock().unwrap().recv().unwrap();
        })),
        ..Config::temporary()
    };
    let database: Arc<dyn Database> = Arc::new(Sqlite::open(config).unwrap());
    for _ in 0..4 {
        go_on.send(()).unwrap();
    }
    prepare(&*database, Engine::Sqlite).await;
    write(
        &*database,
        "INSERT INTO notes (title, rank) VALUES ('a', 1)",
    )
    .await;
    let pass = |expected| {
        assert_eq!(steps.recv_timeout(Duration::from_secs(20)), Ok(expected));
    };
    for expected in [CommitStep::Marked, CommitStep::Visible].repeat(2) {
        pass(expected);
    }

    // Keeps a snapshot.
    assert_eq!(rank(&*database).await, 1);
    let writing = tokio::spawn({
        let database = database.clone();
        async move { write(&*database, "UPDATE notes SET rank = 2").await }
    });
    let now = async || integer(&mut *reader(&*database).await, "SELECT rank FROM notes").await;
    pass(CommitStep::Marked);
    assert_eq!(now().await, 1);
    go_on.send(()).unwrap();
    pass(CommitStep::Visible);
    assert_eq!(now().await, 2);
    go_on.send(()).unwrap();
    writing.await.unwrap();
    assert_eq!(rank(&*database).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_what_was_acknowledged_before_it_began() {
    let (_directory, database) = file().await;
    let database = Arc::new(database);
    let acknowledged = Arc::new(AtomicI64::new(1));
    let reads = || {
        let (database, acknowledged) = (database.clone(), acknowledged.clone());
        tokio::spawn(async move {
            let mut last = 1;
            while last < 100 {
                let before = acknowledged.load(SeqCst);
                let found = rank(&*database).await;
                assert!(
                    found >= before.max(last),
                    "{found} after {before} and {last}"
                );
                last = found;
                tokio::task::yield_now().await;
            }
        })
    };
    let readers = [reads(), reads(), reads()];
    for rank in 2..=100 {
        write(&*database, &format!("UPDATE notes SET rank = {rank}")).await;
        acknowledged.store(rank, SeqCst);
    }
    for reading in readers {
        reading.await.unwrap();
    }
}
