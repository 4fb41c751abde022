//! The registry survives a restart and a kill of the host, and is added to databases of earlier
//! versions. Only for SQLite, which has files.

use std::path::Path;

use storage::registry::Active;
use storage::sqlite::{Config, Sqlite};

use super::*;

fn open(path: &Path) -> Sqlite {
    Sqlite::open(Config::file(path)).unwrap()
}

#[tokio::test]
async fn everything_survives_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.sqlite");
    let database = open(&path);
    deploy(&database, "a").await;
    put(&database, "b").await;
    let running = begin(&database, "b").await;
    let before = stored(&database).await;
    drop(database);

    let database = open(&path);
    assert_eq!(stored(&database).await, before);
    let refused = database.begin_deployment(&new("c")).await;
    assert_eq!(refused, Ok(Err(running)));
    assert_eq!(
        database.activate(running, "b", Stage::Switch.into()).await,
        Ok(2)
    );
}

#[tokio::test]
async fn what_a_killed_host_had_recorded_is_stored() {
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
        // A killed process leaves its files as they are: it does not close them, and does not move
        // the log into the database file.
        let left = tempfile::tempdir().unwrap();
        for name in ["notes.sqlite", "notes.sqlite-wal"] {
            std::fs::copy(directory.path().join(name), left.path().join(name)).unwrap();
        }
        let found = open(&left.path().join("notes.sqlite"));
        assert_eq!(stored(&found).await, stored(&database).await);
        assert_eq!(active_digest(&found).await.as_deref(), Some(active));
        let running = found.running_deployment().await.unwrap();
        let expected = stage.map(|stage| Progress::At(stage).into());
        assert_eq!(running.map(|row| row.stage), expected);
    }
}

#[tokio::test]
async fn new_tables_of_the_host_are_added_to_an_older_database() {
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

/// Everything that a registry stores: components, deployments and the active component.
type Stored = (
    Vec<Option<StoredComponent>>,
    Vec<DeploymentRow>,
    Option<Active>,
);

async fn stored(registry: &dyn Registry) -> Stored {
    let mut components = vec![];
    for digest in digests(registry).await {
        components.push(registry.component(&digest).await.unwrap());
    }
    let deployments = registry.deployments(u32::MAX).await.unwrap();
    (components, deployments, registry.active().await.unwrap())
}
