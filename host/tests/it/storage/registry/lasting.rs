//! What is remembered outlives the host, also one that is killed, and comes to databases that
//! were made before there was anything to remember. SQLite alone: it has files.

use std::path::Path;

use storage::registry::Active;
use storage::sqlite::{Config, Sqlite};

use super::*;

fn open(path: &Path) -> Sqlite {
    Sqlite::open(Config::file(path)).unwrap()
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.sqlite");
    let database = open(&path);
    deploy(&database, "a").await;
    put(&database, "b").await;
    let running = begin(&database, "b").await;
    let before = remembered(&database).await;
    drop(database);

    let database = open(&path);
    assert_eq!(remembered(&database).await, before);
    let refused = database.begin_deployment(&new("c")).await;
    assert_eq!(refused, Ok(Err(running)));
    assert_eq!(
        database.activate(running, "b", Stage::Switch.into()).await,
        Ok(2)
    );
}

#[tokio::test]
async fn a_host_that_was_killed_left_all_that_it_was_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.sqlite");
    let database = open(&path);
    deploy(&database, "a").await;
    put(&database, "b").await;
    let id = begin(&database, "b").await;
    for (stage, active) in [
        (Some(Stage::Check), "a"),
        (Some(Stage::Switch), "b"),
        (None, "a"),
    ] {
        match stage {
            Some(Stage::Check) => database
                .advance_deployment(id, Stage::Check.into(), "[1]")
                .await
                .unwrap(),
            Some(stage) => assert_eq!(database.activate(id, "b", stage.into()).await, Ok(2)),
            None => {
                finish(&database, id, "rolled-back", Some("a"))
                    .await
                    .unwrap();
            }
        }
        // A killed process leaves its files as they are: nothing is closed, nothing moved from
        // the log into the database.
        let left = tempfile::tempdir().unwrap();
        for name in ["notes.sqlite", "notes.sqlite-wal"] {
            std::fs::copy(directory.path().join(name), left.path().join(name)).unwrap();
        }
        let found = open(&left.path().join("notes.sqlite"));
        assert_eq!(remembered(&found).await, remembered(&database).await);
        assert_eq!(active_digest(&found).await.as_deref(), Some(active));
        let running = found.running_deployment().await.unwrap();
        let expected = stage.map(|stage| Progress::At(stage).into());
        assert_eq!(running.map(|row| row.stage), expected);
    }
}

#[tokio::test]
async fn a_database_of_before_gains_the_hosts_new_tables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    let tables = "
        CREATE TABLE task_host_migrations (
            position INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            checksum BLOB NOT NULL,
            applied_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE kept (x);
        INSERT INTO kept VALUES (7);";
    old.execute_batch(tables).unwrap();
    drop(old);

    let database = open(&path);
    assert_eq!(database.active().await, Ok(None));
    let id = deploy(&database, "a").await;
    assert_eq!(ids(&database).await, [id]);
    prepare(&database, Engine::Sqlite).await;
    let mut reading = reader(&database).await;
    assert_eq!(integer(&mut *reading, "SELECT x FROM kept").await, 7);
}

/// All that a registry tells: components, deployments and the active component.
type Memory = (
    Vec<Option<StoredComponent>>,
    Vec<DeploymentRow>,
    Option<Active>,
);

async fn remembered(registry: &dyn Registry) -> Memory {
    let mut components = vec![];
    for digest in digests(registry).await {
        components.push(registry.component(&digest).await.unwrap());
    }
    let deployments = registry.deployments(u32::MAX).await.unwrap();
    (components, deployments, registry.active().await.unwrap())
}
