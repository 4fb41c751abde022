//! SQLite's files: which process may open them, and what they contain afterwards.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use storage::OpenError;
use storage::sqlite::{Config, Sqlite};

use super::*;

fn open(path: &Path) -> Result<Sqlite, OpenError> {
    Sqlite::open(Config::file(path))
}

#[tokio::test]
async fn committed_data_survives_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/notes.sqlite");
    let database = open(&path).unwrap();
    prepare(&database, Engine::Sqlite).await;
    write(&database, "INSERT INTO notes (title) VALUES ('a')").await;
    drop(database);
    let database = open(&path).unwrap();
    assert_eq!(notes(&database).await, 1);
    database.ping().await.unwrap();
}

#[tokio::test]
async fn a_second_host_is_refused_until_the_first_has_closed_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.sqlite");
    let first = open(&path).unwrap();
    let link = directory.path().join("link.sqlite");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = open(name).err().unwrap();
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    }
    let open_transaction = first.begin(Access::Write, generous()).await.unwrap();
    drop(first);
    assert!(matches!(open(&path), Err(OpenError::InUse { .. })));
    drop(open_transaction);
    open(&path).unwrap();
}

#[test]
fn a_file_that_is_not_a_database_is_refused_and_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letter.txt");
    let letter = "Dear reader, ".repeat(100);
    std::fs::write(&path, &letter).unwrap();
    let error = open(&path).err().unwrap();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), letter);
    assert!(matches!(
        open(directory.path()),
        Err(OpenError::Failed { .. })
    ));
    let nowhere = directory.path().join("a/b/c.sqlite");
    assert!(matches!(open(&nowhere), Err(OpenError::Failed { .. })));
}

#[tokio::test]
async fn temporary_databases_are_private() {
    let (one, two) = (fresh(Engine::Sqlite).await, fresh(Engine::Sqlite).await);
    write(&*one, "INSERT INTO notes (title) VALUES ('a')").await;
    assert_eq!((notes(&*one).await, notes(&*two).await), (1, 0));
}

#[tokio::test]
async fn the_log_starts_over_under_writes_that_do_not_pause() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.sqlite");
    let database = Sqlite::open(Config {
        durability: storage::sqlite::Durability::None,
        ..Config::file(&path)
    })
    .unwrap();
    prepare(&database, Engine::Sqlite).await;
    for number in 0..120 {
        let text =
            format!("INSERT INTO notes (title) VALUES ('{number}' || hex(zeroblob(500000)))");
        write(&database, &text).await;
    }
    let log = std::fs::metadata(directory.path().join("notes.sqlite-wal")).unwrap();
    assert!(log.len() < 80 << 20, "{} bytes", log.len());
    // Each checkpoint syncs twice and writes pages again, so there must be one for every 4 MiB of
    // log, not for every commit of 2 MiB.
    let checkpoints = database.stats().checkpoints.load(Relaxed);
    assert!((4..=80).contains(&checkpoints), "{checkpoints} checkpoints");
    assert_eq!(notes(&database).await, 120);
}
