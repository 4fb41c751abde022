//! The logic's SQL can access only its own tables. These tests try every way out of SQLite.

use storage::{Cause, MigrationError, RecordedAnswer};

use super::*;

/// Tries a statement on a database with views and triggers on tables that the logic may not access.
async fn refused(statement: &str) {
    let database = fresh(Engine::Sqlite).await;
    let mut setup = database.begin_migration(generous()).await.unwrap();
    let steps = [tables(Engine::Sqlite), step("0002-traps", TRAPS)];
    let applied = setup.migrate(&steps, false);
    assert_eq!(applied.await.unwrap().unwrap(), ["0002-traps"]);
    let answer = RecordedAnswer {
        fingerprint: [7; 32],
        status: 201,
        headers: vec![],
        body: b"secret".to_vec(),
    };
    setup.record("key", &answer).await.unwrap();
    setup.commit().await.unwrap();

    let mut writing = writer(&*database).await;
    let failure = match query(&mut *writing, statement).await {
        Err(failure) => failure,
        Ok(rows) => panic!("{statement:.200} returned {rows:?}"),
    };
    assert_eq!(failure.cause, Cause::Other, "{statement}: {failure:?}");
    assert!(writing.spent());
    drop(writing);
    let mut after = writer(&*database).await;
    assert_eq!(after.recall("key").await, Ok(Some(answer)), "{statement}");
}

/// Views and triggers on tables of the host. They are refused when they are used.
const TRAPS: &str = "
    CREATE VIEW peek AS SELECT body FROM task_host_answers;
    CREATE VIEW tables AS SELECT name FROM sqlite_schema;
    CREATE TABLE bait (x);
    CREATE TRIGGER wipe AFTER INSERT ON bait BEGIN DELETE FROM task_host_answers; END;";

macro_rules! refused {
    ($($name:ident: $($statement:expr),+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            $(refused($statement).await;)+
        }
    )+};
}

refused! {
    the_hosts_tables_are_not_read:
        "SELECT * FROM task_host_answers",
        "SELECT count(*) FROM task_host_answers",
        "SELECT 1 FROM main.task_host_migrations",
        "SELECT * FROM \"TASK_HOST_ANSWERS\"",
        "SELECT * FROM [Task_Host_Answers]",
        "SELECT * FROM `task_host_answers` AS mine",
        "WITH mine AS (SELECT * FROM task_host_answers) SELECT * FROM mine",
        "SELECT (SELECT key FROM task_host_answers)",
        "SELECT * FROM notes WHERE EXISTS (SELECT 1 FROM task_host_answers)",
        "INSERT INTO notes (title) SELECT key FROM task_host_answers",
        "/*task-host*/SELECT fingerprint, status, headers, body FROM task_host_answers WHERE key = $1",
        "\u{a0}/*task-host*/SELECT count(*) FROM task_host_migrations";
    the_hosts_tables_are_not_written:
        "INSERT INTO task_host_migrations VALUES (9, 'x', x'', 0)",
        "UPDATE task_host_answers SET body = x''",
        "DELETE FROM task_host_answers",
        "DELETE FROM task_host_answers WHERE key = 'key' RETURNING body",
        "REPLACE INTO Task_Host_Migrations VALUES (0, 'x', x'', 0)";
    views_and_triggers_do_not_reach_the_hosts_tables:
        "SELECT * FROM peek",
        "SELECT * FROM tables",
        "INSERT INTO bait VALUES (1)";
    components_and_deployments_are_not_accessed:
        "SELECT * FROM task_host_components",
        "SELECT bytes FROM task_host_component_parts",
        "SELECT count(*) FROM task_host_deployments",
        "SELECT digest FROM Task_Host_Active",
        "INSERT INTO task_host_components VALUES (1, 'x', 0, NULL, 'x', 0)",
        "INSERT INTO task_host_component_parts VALUES (1, 0, x'')",
        "UPDATE task_host_deployments SET outcome = 'active', ended_at = 0",
        "UPDATE task_host_active SET digest = 'x'",
        "DELETE FROM task_host_components",
        "DELETE FROM task_host_component_parts",
        "DELETE FROM task_host_deployments",
        "DELETE FROM task_host_active";
    sqlites_own_tables_are_not_accessed:
        "SELECT * FROM sqlite_schema",
        "SELECT count(*) FROM sqlite_master",
        "SELECT * FROM SQLITE_TEMP_SCHEMA",
        "SELECT * FROM sqlite_sequence",
        "UPDATE sqlite_sequence SET seq = 1",
        "DELETE FROM sqlite_schema",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM fts3tokenize('simple')";
    pragmas_do_not_run:
        "PRAGMA foreign_keys = off",
        "PRAGMA query_only",
        "PRAGMA writable_schema = on",
        "PRAGMA data_version",
        "SELECT * FROM pragma_table_info('notes')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM PRAGMA_FUNCTION_LIST";
    other_files_are_not_accessed:
        "ATTACH ':memory:' AS other",
        "ATTACH '/tmp/x' AS other",
        "DETACH main",
        "VACUUM INTO '/tmp/task-host-escape'",
        "VACUUM",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('/tmp/x', 'x')",
        "SELECT edit('x')",
        "SELECT fts3_tokenizer('simple')";
    the_logic_does_not_control_transactions:
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT mine",
        "RELEASE mine",
        "ROLLBACK TO mine";
    only_migrations_change_the_schema:
        "CREATE TABLE mine (x)",
        "CREATE TEMP TABLE mine (x)",
        "CREATE TEMP VIEW mine AS SELECT 1",
        "CREATE TEMP TRIGGER mine AFTER INSERT ON notes BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE mine USING fts5(x)",
        "CREATE INDEX mine ON notes (rank)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE TRIGGER mine AFTER INSERT ON notes BEGIN SELECT 1; END",
        "ALTER TABLE notes RENAME TO mine",
        "ALTER TABLE notes ADD COLUMN mine",
        "DROP TABLE notes",
        "DROP VIEW peek",
        "REINDEX",
        "ANALYZE",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT 1";
    nothing_is_revealed_of_earlier_requests:
        "SELECT last_insert_rowid()",
        "SELECT changes()",
        "SELECT total_changes()";
    lengths_and_depths_are_limited:
        "SELECT randomblob(1000000000)",
        "SELECT zeroblob(1000000000)",
        "SELECT printf('%1000000000d', 1)",
        &format!("SELECT {}1{}", "abs(".repeat(2000), ")".repeat(2000)),
        &format!("SELECT 1{}", " + 1".repeat(2000)),
        &format!("SELECT 1{}", ", 1".repeat(2000)),
        &format!("SELECT '{}'", "x".repeat(2 << 20)),
        &format!("SELECT 'x' LIKE '{}'", "%x".repeat(2000));
}

/// Tries a migration, which must fail and change nothing.
async fn refused_migration(text: &str) {
    let database = fresh(Engine::Sqlite).await;
    let mut migrating = database.begin_migration(generous()).await.unwrap();
    let steps = [tables(Engine::Sqlite), step("0002-escape", text)];
    match migrating.migrate(&steps, false).await.unwrap() {
        Err(MigrationError::Failed { name, .. }) => assert_eq!(name, "0002-escape"),
        other => panic!("{text}: {other:?}"),
    }
    assert!(migrating.spent());
    assert!(migrating.commit().await.is_err());
    database.ping().await.unwrap();
}

#[tokio::test]
async fn migrations_do_not_escape_either() {
    for text in [
        "DROP TABLE task_host_answers",
        "ALTER TABLE task_host_answers RENAME TO mine",
        "ALTER TABLE Task_Host_Answers ADD COLUMN mine",
        "ALTER TABLE notes RENAME TO task_host_notes",
        "CREATE TABLE task_host_mine (x)",
        "CREATE TABLE TASK_HOST_mine AS SELECT 1",
        "CREATE VIEW task_host_mine AS SELECT 1",
        "CREATE INDEX mine ON task_host_answers (body)",
        "CREATE INDEX task_host_mine ON notes (rank)",
        "CREATE TRIGGER mine AFTER INSERT ON task_host_answers BEGIN SELECT 1; END",
        "DROP INDEX task_host_answers_by_age",
        "CREATE TABLE mine AS SELECT * FROM task_host_answers",
        "INSERT INTO notes (title) SELECT key FROM task_host_answers; DELETE FROM task_host_answers",
        "DELETE FROM task_host_migrations",
        "DROP TABLE task_host_components",
        "DROP TABLE task_host_component_parts",
        "ALTER TABLE task_host_deployments RENAME TO mine",
        "DROP INDEX task_host_deployments_running",
        "DROP INDEX task_host_deployments_by_digest",
        "CREATE TRIGGER mine AFTER UPDATE ON task_host_active BEGIN SELECT 1; END",
        "UPDATE task_host_active SET epoch = 0",
        "CREATE TABLE mine (x REFERENCES Task_Host_Deployments (outcome) ON UPDATE CASCADE)",
        "CREATE TABLE mine (key TEXT REFERENCES task_host_answers (key))",
        "CREATE TABLE mine (x REFERENCES Task_Host_Answers (headers) DEFERRABLE INITIALLY DEFERRED)",
        "ALTER TABLE notes ADD COLUMN x REFERENCES task_host_later (x)",
        "DELETE FROM sqlite_schema",
        "UPDATE sqlite_schema SET sql = 'x'",
        "PRAGMA writable_schema = on",
        "PRAGMA foreign_keys = off",
        "ATTACH ':memory:' AS other",
        "VACUUM",
        "COMMIT",
        "ROLLBACK",
        "COMMIT; BEGIN",
        "SAVEPOINT mine",
        "CREATE TEMP TABLE mine (x)",
        "CREATE TABLE temp.mine (x)",
        "CREATE VIRTUAL TABLE mine USING fts5(x)",
        "CREATE VIRTUAL TABLE mine USING rtree(id, a, b)",
        "SELECT load_extension('x')",
        "SELECT randomblob(1000000000)",
        "CREATE TABLE mine (x); \0 DROP TABLE notes",
    ] {
        refused_migration(text).await;
    }
}
