//! The logic's SQL can access only its own tables. These tests try every way out of PostgreSQL:
//! first through the host, with its policy, then on a connection with the logic's login, where only
//! the server's rights apply.

use storage::{Cause, MigrationError, RecordedAnswer};
use tokio_postgres::NoTls;

use super::*;

const ANSWER: &str = "secret";

/// Returns a database with an answer that only the host may access.
async fn fixture() -> Option<Fixture> {
    let fixture = Fixture::new().await?;
    let mut writing = writer(&*fixture.database).await;
    writing.record("key", &answer()).await.unwrap();
    writing.commit().await.unwrap();
    Some(fixture)
}

fn answer() -> RecordedAnswer {
    RecordedAnswer {
        fingerprint: [7; 32],
        status: 201,
        headers: vec![],
        body: ANSWER.into(),
    }
}

#[tokio::test]
async fn statements_access_only_the_logics_tables() {
    let Some(fixture) = fixture().await else {
        return;
    };
    for statement in [
        // The host's tables and functions.
        "SELECT * FROM task_host.answers",
        "SELECT * FROM Task_Host.Answers",
        "SELECT * FROM \"task_host\".answers",
        "WITH mine AS (SELECT * FROM task_host.answers) SELECT * FROM mine",
        "INSERT INTO notes (title) SELECT key FROM task_host.answers",
        "DELETE FROM task_host.answers",
        "UPDATE task_host.active SET digest = 'x'",
        "SELECT task_host.record_answer(''::bytea, 'a', ''::bytea, 1, '', ''::bytea)",
        "SELECT task_host.lock_key(''::bytea, 'a')",
        "SELECT * FROM answers",
        // The server's own.
        "SELECT * FROM pg_catalog.pg_class",
        "SELECT * FROM pg_roles",
        "SELECT * FROM information_schema.tables",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_create(0)",
        "SELECT query_to_xml('DELETE FROM notes', true, true, '')",
        "SELECT ts_stat('SELECT 1')",
        // This session and others.
        "SELECT set_config('role', 'host', true)",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT \"set_config\"('search_path', 'task_host', false)",
        "SELECT U&\"set\\005fconfig\"('role', 'none', true)",
        "SELECT current_setting('search_path')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT pg_sleep(1)",
        "SELECT pg_notify('a', 'b')",
        "SELECT pg_terminate_backend(1)",
        "SELECT pg_export_snapshot()",
        "SELECT lastval(), currval('notes_id_seq')",
        "SELECT setval('notes_id_seq', 1)",
        "SELECT setseed(0.5)",
        "SET search_path = task_host",
        "RESET ALL",
        "SET ROLE host",
        "SET SESSION AUTHORIZATION DEFAULT",
        "DISCARD ALL",
        "PREPARE mine AS SELECT 1",
        "DEALLOCATE ALL",
        "LISTEN mine",
        "NOTIFY mine",
        "LOCK TABLE notes",
        "DECLARE mine CURSOR WITH HOLD FOR SELECT 1",
        "SHOW ALL",
        // The transaction.
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT mine",
        "ROLLBACK TO mine",
        "SELECT 1; COMMIT",
        "PREPARE TRANSACTION 'mine'",
        // The schema.
        "CREATE TABLE mine (x int)",
        "CREATE TEMP TABLE mine (x int)",
        "SELECT 1 INTO mine",
        "SELECT 1 INTO TEMP mine",
        "WITH a AS (SELECT 1) SELECT * INTO mine FROM a",
        "CREATE INDEX mine ON notes (rank)",
        "ALTER TABLE notes ADD COLUMN mine int",
        "DROP TABLE notes",
        "TRUNCATE notes",
        "GRANT ALL ON notes TO PUBLIC",
        "COMMENT ON TABLE notes IS ''",
        "REFRESH MATERIALIZED VIEW mine",
        // Code and files.
        "DO $$ BEGIN COMMIT; END $$",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CALL mine()",
        "COPY notes TO '/tmp/mine'",
        "COPY notes FROM PROGRAM 'true'",
        "LOAD 'plpgsql'",
        "EXPLAIN ANALYZE SELECT 1",
        "ANALYZE",
        "VACUUM",
        "CHECKPOINT",
        "SELECT 1 \0",
    ] {
        let mut writing = writer(&*fixture.database).await;
        let failure = match query(&mut *writing, statement).await {
            Err(failure) => failure,
            Ok(rows) => panic!("{statement} returned {rows:?}"),
        };
        assert_eq!(failure.cause, Cause::Other, "{statement}: {failure:?}");
        assert!(writing.spent());
    }
    let kept = reader(&*fixture.database).await.recall("key").await;
    assert_eq!(kept, Ok(Some(answer())));
}

#[tokio::test]
async fn migrations_do_not_escape_either() {
    let Some(fixture) = fixture().await else {
        return;
    };
    for text in [
        "DROP TABLE task_host.answers",
        "CREATE TABLE mine (key text REFERENCES task_host.answers (key))",
        "CREATE TABLE task_host.mine (x int)",
        "ALTER TABLE notes SET SCHEMA task_host",
        "CREATE VIEW mine AS SELECT * FROM task_host.answers",
        "CREATE VIEW mine AS SELECT pg_sleep(1)",
        "CREATE TABLE mine (x int DEFAULT pg_backend_pid())",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TRIGGER mine AFTER INSERT ON notes EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE mine AS ON INSERT TO notes DO INSTEAD NOTHING",
        "CREATE RULE mine AS ON INSERT TO notes DO ALSO NOTIFY mine",
        "CREATE RULE mine AS ON INSERT TO notes DO ALSO DELETE FROM task_host.answers",
        "CREATE RULE \"_RETURN\" AS ON SELECT TO notes DO INSTEAD SELECT 1",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION plpgsql",
        "CREATE ROLE mine",
        "CREATE TEMP TABLE mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "DROP SCHEMA logic CASCADE",
        "GRANT ALL ON notes TO PUBLIC",
        "SET search_path = public",
        "DO $$ BEGIN END $$",
        "COMMIT",
        "CREATE TABLE mine (x int); COMMIT; BEGIN",
        "ROLLBACK",
        "SAVEPOINT mine",
        "COPY notes FROM PROGRAM 'true'",
        "CREATE INDEX CONCURRENTLY mine ON notes (rank)",
        "CREATE TABLE mine (x int); \0 DROP TABLE notes",
        "INSERT INTO notes (title) SELECT set_config('role', 'host', false)",
    ] {
        let mut migrating = fixture.database.begin_migration(generous()).await.unwrap();
        let steps = [tables(Engine::Postgres), step("0002-escape", text)];
        match migrating.migrate(&steps, false).await.unwrap() {
            Err(MigrationError::Failed { name, .. }) => assert_eq!(name, "0002-escape"),
            other => panic!("{text}: {other:?}"),
        }
        assert!(migrating.spent());
        assert!(migrating.commit().await.is_err());
    }
    assert_eq!(
        fixture.administer("SELECT count(*) FROM pg_class WHERE relname = 'mine'"),
        "0"
    );
}

#[tokio::test]
async fn the_logics_login_has_no_other_rights_on_the_server() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let password = fixture.administer("SELECT logic_password FROM task_host.settings");
    let user = format!("{}_logic", fixture.name);
    let url = fixture.server.url_as(&user, &password, &fixture.name);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    for statement in [
        "SELECT * FROM task_host.answers",
        "SELECT * FROM task_host.settings",
        "INSERT INTO task_host.commits (token) VALUES (gen_random_uuid())",
        "TRUNCATE task_host.answers",
        "DROP SCHEMA task_host CASCADE",
        "DROP SCHEMA logic CASCADE",
        "ALTER TABLE task_host.answers OWNER TO CURRENT_USER",
        "CREATE TABLE mine (key text REFERENCES task_host.answers (key))",
        "CREATE TABLE task_host.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE TEMP TABLE mine (x int)",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION hstore",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "ALTER SYSTEM SET fsync = off",
        "SET ROLE host",
        "SELECT set_config('role', 'host', false)",
        "SET SESSION AUTHORIZATION host",
        "SET session_replication_role = replica",
        "COPY notes TO '/tmp/task-host-escape'",
        "COPY notes FROM PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'host'",
        "SELECT task_host.prove(''::bytea)",
        "SELECT task_host.record_answer(''::bytea, 'a', ''::bytea, 1, '', ''::bytea)",
        "SELECT task_host.lock_key(''::bytea, 'a')",
        "SELECT task_host.note_commit(''::bytea, gen_random_uuid())",
        "SELECT task_host.applied_migrations(''::bytea)",
        "SELECT task_host.note_migration(''::bytea, 9, 'x', ''::bytea)",
    ] {
        // Makes sure that a session of the host exists, which a statement tries to end.
        fixture.database.ping().await.unwrap();
        match client.simple_query(statement).await {
            Err(error) => {
                let code = error.code().map(|code| code.code().to_owned());
                let refused = ["42501", "42704"].contains(&code.as_deref().unwrap_or(""));
                assert!(refused, "{statement}: {error:?}");
            }
            Ok(done) => panic!("{statement}: {done:?}"),
        }
    }
}

#[tokio::test]
async fn a_row_that_is_too_long_is_not_read_into_memory() {
    let Some(fixture) = fixture().await else {
        return;
    };
    for length in [2_000_000, 500_000_000] {
        let mut reading = reader(&*fixture.database).await;
        let long = format!("SELECT repeat('x', {length})");
        let outcome = reading.query(&long, &[]).await;
        assert_eq!(outcome, Err(Error::Limit(storage::Limit::Bytes)));
        assert!(reading.spent());
    }
    assert_eq!(notes(&*fixture.database).await, 0);
}
