//! Migrations run once and in order.

use std::time::{Duration, Instant};

use storage::{Budget, MigrationError};

use super::*;

conformance! {
    steps_run_once_and_in_order,
    a_list_that_disagrees_is_refused,
    after_a_rollback_across_a_migration_the_new_list_is_accepted_again,
    a_step_that_could_not_be_committed_fails_before_the_commit,
    a_step_that_fails_changes_nothing,
    a_self_test_uses_the_new_schema_and_cannot_change_it,
    a_deadline_ends_a_migration,
    other_transactions_do_not_migrate,
}

async fn migrate(
    database: &dyn Database,
    steps: &[Migration],
    rollback: bool,
) -> Result<Vec<String>, MigrationError> {
    let mut migrating = database.begin_migration(generous()).await.unwrap();
    let applied = migrating.migrate(steps, rollback).await.unwrap();
    assert_eq!(migrating.spent(), applied.is_err());
    if applied.is_ok() {
        migrating.commit().await.unwrap();
    }
    applied
}

async fn steps_run_once_and_in_order(engine: Engine) {
    let database = fresh(engine).await;
    let steps = [
        tables(engine),
        step(
            "0002-pins",
            "CREATE TABLE pins (note integer); INSERT INTO pins VALUES (1);",
        ),
        step("0003-more", "INSERT INTO pins VALUES (2); -- the end"),
    ];
    assert_eq!(
        migrate(&*database, &steps[..2], false).await.unwrap(),
        ["0002-pins"]
    );
    assert_eq!(
        migrate(&*database, &steps, false).await.unwrap(),
        ["0003-more"]
    );
    assert!(migrate(&*database, &steps, false).await.unwrap().is_empty());
    let mut reading = reader(&*database).await;
    assert_eq!(
        integer(&mut *reading, "SELECT sum(note) FROM pins").await,
        3
    );
}

async fn a_list_that_disagrees_is_refused(engine: Engine) {
    let database = fresh(engine).await;
    let more = step("0002-more", "CREATE TABLE more (x integer)");
    migrate(&*database, &[tables(engine), more.clone()], false)
        .await
        .unwrap();
    let refused = |steps: Vec<Migration>| {
        let database = database.clone();
        async move { migrate(&*database, &steps, false).await.unwrap_err() }
    };
    let changed = MigrationError::Changed {
        name: "0001-tables".into(),
    };
    assert_eq!(
        refused(vec![step("0001-tables", "SELECT 1")]).await,
        changed
    );
    let reordered = MigrationError::Reordered {
        name: "0002-more".into(),
        applied: "0001-tables".into(),
    };
    assert_eq!(refused(vec![more, tables(engine)]).await, reordered);
    let unknown = MigrationError::Unknown {
        name: "0002-more".into(),
    };
    assert_eq!(refused(vec![tables(engine)]).await, unknown);
    let duplicate = MigrationError::Duplicate {
        name: "0001-tables".into(),
    };
    assert_eq!(
        refused(vec![tables(engine), tables(engine)]).await,
        duplicate
    );
    assert!(
        migrate(&*database, &[tables(engine)], true)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn after_a_rollback_across_a_migration_the_new_list_is_accepted_again(engine: Engine) {
    let database = fresh(engine).await;
    let old = [tables(engine)];
    let more = "ALTER TABLE notes ADD COLUMN more INTEGER DEFAULT 4; \
                INSERT INTO notes (title) VALUES ('b')";
    let new = [tables(engine), step("0002-more", more)];
    migrate(&*database, &new, false).await.unwrap();

    // The rollback undoes nothing, and the old statements run on the new schema.
    assert_eq!(migrate(&*database, &old, true).await, Ok(vec![]));
    write(&*database, "INSERT INTO notes (title) VALUES ('c')").await;
    // Without `rollback`, or with another list, it is refused.
    let unknown = MigrationError::Unknown {
        name: "0002-more".into(),
    };
    assert_eq!(migrate(&*database, &old, false).await, Err(unknown));
    let changed = MigrationError::Changed {
        name: "0001-tables".into(),
    };
    let other = [step("0001-tables", "SELECT 1")];
    assert_eq!(migrate(&*database, &other, true).await, Err(changed));
    let reordered = MigrationError::Reordered {
        name: "0002-other".into(),
        applied: "0002-more".into(),
    };
    let other = [
        tables(engine),
        step("0002-other", "CREATE TABLE other (x integer)"),
    ];
    for rollback in [false, true] {
        let refused = migrate(&*database, &other, rollback).await;
        assert_eq!(refused, Err(reordered.clone()));
    }

    // With the new list again, no step runs twice.
    assert_eq!(migrate(&*database, &new, false).await, Ok(vec![]));
    let mut reading = reader(&*database).await;
    let sum = "SELECT sum(more) FROM notes";
    assert_eq!(integer(&mut *reading, sum).await, 8);
}

async fn a_step_that_could_not_be_committed_fails_before_the_commit(engine: Engine) {
    let database = fresh(engine).await;
    let good = step("0002-good", "INSERT INTO promises VALUES (1)");
    let bad = step("0003-bad", "INSERT INTO promises VALUES (9)");
    let kept = step("0003-kept", "INSERT INTO notes (title) VALUES ('a')");
    let failed = MigrationError::Failed {
        name: "0003-bad".into(),
        detail: match engine {
            Engine::Sqlite => "a foreign key of promises refers to a missing row",
            Engine::Postgres => {
                "insert or update on table \"promises\" violates foreign key constraint \
                 \"promises_note_fkey\""
            }
        }
        .into(),
    };
    let steps = [tables(engine), good.clone(), bad];
    assert_eq!(migrate(&*database, &steps, false).await, Err(failed));
    // A later step may add the row that an earlier one refers to.
    let steps = [tables(engine), good, kept];
    let applied = migrate(&*database, &steps, false).await;
    assert_eq!(applied.unwrap(), ["0002-good", "0003-kept"]);
}

async fn a_step_that_fails_changes_nothing(engine: Engine) {
    let database = fresh(engine).await;
    let steps = [
        tables(engine),
        step("0002-good", "CREATE TABLE good (x integer)"),
        step(
            "0003-bad",
            "CREATE TABLE bad (x integer); INSERT INTO absent VALUES (1)",
        ),
    ];
    let failed = migrate(&*database, &steps, false).await.unwrap_err();
    let expected = MigrationError::Failed {
        name: "0003-bad".into(),
        detail: match engine {
            Engine::Sqlite => "no such table: absent",
            Engine::Postgres => "relation \"absent\" does not exist",
        }
        .into(),
    };
    assert_eq!(failed, expected);
    let mut reading = reader(&*database).await;
    query(&mut *reading, "SELECT * FROM good")
        .await
        .unwrap_err();
    assert_eq!(
        migrate(&*database, &steps[..2], false).await.unwrap(),
        ["0002-good"]
    );
}

#[tokio::test]
async fn every_common_change_of_a_schema_is_allowed() {
    let database = fresh(Engine::Sqlite).await;
    write(
        &*database,
        "INSERT INTO notes (title, rank) VALUES ('a', 3)",
    )
    .await;
    let text = "
        ALTER TABLE notes ADD COLUMN body TEXT NOT NULL DEFAULT '';
        ALTER TABLE notes ADD COLUMN size INTEGER CHECK (size >= 0) DEFAULT 0;
        ALTER TABLE notes RENAME COLUMN body TO content;
        ALTER TABLE notes DROP COLUMN content;
        CREATE INDEX notes_by_rank ON notes (rank) WHERE rank IS NOT NULL;
        CREATE UNIQUE INDEX notes_by_lower_title ON notes (lower(title));
        CREATE VIEW ranked AS SELECT id, title FROM notes WHERE rank > 1;
        CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER) STRICT;
        CREATE TRIGGER logged AFTER UPDATE ON notes BEGIN
            INSERT INTO log (note) VALUES (new.id);
        END;
        UPDATE notes SET size = length(title);
        CREATE TABLE copied AS SELECT * FROM notes;
        ALTER TABLE copied RENAME TO copies;
        CREATE TABLE short (x INTEGER PRIMARY KEY) WITHOUT ROWID;
        DROP INDEX notes_by_rank;
        REINDEX notes;
        DROP TABLE short;
        DROP TABLE promises;";
    let steps = [tables(Engine::Sqlite), step("0002-all", text)];
    assert_eq!(
        migrate(&*database, &steps, false).await.unwrap(),
        ["0002-all"]
    );
    let mut writing = writer(&*database).await;
    assert_eq!(
        execute(&mut *writing, "UPDATE notes SET rank = 9").await,
        Ok(1)
    );
    assert_eq!(integer(&mut *writing, "SELECT count(*) FROM log").await, 2);
    assert_eq!(
        integer(&mut *writing, "SELECT count(*) FROM ranked").await,
        1
    );
    assert_eq!(integer(&mut *writing, "SELECT size FROM copies").await, 1);
}

#[tokio::test]
async fn a_request_sees_the_new_schema_only_if_it_began_after_the_migration() {
    let database = fresh(Engine::Sqlite).await;
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    let all = "SELECT * FROM notes";
    assert_eq!(
        query(&mut *reader(&*database).await, all)
            .await
            .unwrap()
            .width,
        3
    );
    let mut before = reader(&*database).await;
    assert_eq!(query(&mut *before, all).await.unwrap().width, 3);
    let add = step(
        "0002-add",
        "ALTER TABLE notes ADD COLUMN more INTEGER DEFAULT 4",
    );
    migrate(&*database, &[tables(Engine::Sqlite), add], false)
        .await
        .unwrap();
    assert_eq!(query(&mut *before, all).await.unwrap().width, 3);
    drop(before);
    let rows = query(&mut *reader(&*database).await, all).await.unwrap();
    assert_eq!((rows.width, rows.cells[3]), (4, Cell::Integer(4)));
}

async fn a_self_test_uses_the_new_schema_and_cannot_change_it(engine: Engine) {
    let database = fresh(engine).await;
    let mut trial = database.begin_migration(generous()).await.unwrap();
    let steps = [
        tables(engine),
        step("0002-pins", "CREATE TABLE pins (note integer)"),
    ];
    trial.migrate(&steps, false).await.unwrap().unwrap();
    assert_eq!(
        execute(&mut *trial, "INSERT INTO pins VALUES (1)").await,
        Ok(1)
    );
    execute(&mut *trial, "CREATE TABLE more (x integer)")
        .await
        .unwrap_err();
    drop(trial);
    assert_eq!(
        migrate(&*database, &steps, false).await.unwrap(),
        ["0002-pins"]
    );
}

async fn a_deadline_ends_a_migration(engine: Engine) {
    let database = fresh(engine).await;
    let budget = Budget {
        deadline: Instant::now() + Duration::from_secs(1),
        ..generous()
    };
    let endless = "CREATE TABLE big AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT 1 \
                   FROM n) SELECT count(*) FROM n";
    let mut late = database.begin_migration(budget).await.unwrap();
    let steps = [tables(engine), step("0002-endless", endless)];
    let ended = late.migrate(&steps, false).await.unwrap().unwrap_err();
    let name = "0002-endless".to_owned();
    assert_eq!(ended, MigrationError::TooSlow { name });
    drop(late);
    assert!(
        migrate(&*database, &[tables(engine)], false)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn other_transactions_do_not_migrate(engine: Engine) {
    let database = fresh(engine).await;
    let error = writer(&*database)
        .await
        .migrate(&[tables(engine)], false)
        .await
        .unwrap_err();
    assert!(unavailable(&error).contains("begun for them"));
}
