//! Whether what was read still holds: recorded statements that run again, on each engine, and what
//! SQLite knows about its tables.

use storage::sqlite::{CommitStep, Config, Sqlite};
use storage::{Found, Recorded, Seen, Usage, export};

use super::transfer::all;
use super::*;

conformance! {
    statements_repeat_until_a_result_differs,
    statements_that_differ_are_not_charged,
    statements_that_fail_do_not_repeat,
    a_result_that_depends_on_chance_is_known,
}

/// Runs a statement and records it.
async fn record(transaction: &mut dyn Transaction, statement: &str, params: &[Value]) -> Recorded {
    let rows = transaction.query(statement, params).await.unwrap().unwrap();
    Recorded {
        statement: statement.into(),
        params: params.into(),
        result: Found::rows(&rows),
    }
}

const BY_TITLE: &str = "SELECT id, title, rank FROM notes WHERE title >= $1 ORDER BY title";

async fn statements_repeat_until_a_result_differs(engine: Engine) {
    let database = fresh(engine).await;
    write(
        &*database,
        "INSERT INTO notes (title, rank) VALUES ('a', 1), ('b', NULL), ('c', 3)",
    )
    .await;
    let mut reading = reader(&*database).await;
    let mut recorded = vec![
        record(&mut *reading, "SELECT count(*) FROM marks", &[]).await,
        record(&mut *reading, BY_TITLE, &[text("b")]).await,
    ];
    let changed = reading.execute("SELECT 1", &[]).await.unwrap().unwrap();
    recorded.push(Recorded {
        statement: "SELECT 1".into(),
        params: [].into(),
        result: Found::Changed(changed),
    });
    for (change, repeats) in [
        // A row that was not read.
        ("UPDATE notes SET rank = 2 WHERE title = 'a'", true),
        // A value, and then the same one again.
        ("UPDATE notes SET rank = 4 WHERE title = 'c'", false),
        ("UPDATE notes SET rank = 3 WHERE title = 'c'", true),
        // A row more, and one less.
        ("INSERT INTO notes (id, title) VALUES (9, 'd')", false),
        ("DELETE FROM notes WHERE id = 9", true),
    ] {
        write(&*database, change).await;
        let mut reading = reader(&*database).await;
        assert_eq!(reading.repeats(&recorded).await, Ok(repeats), "{change}");
        assert!(!reading.spent(), "{change}");
        // The transaction goes on, in the same snapshot.
        query(&mut *reading, "SELECT 1").await.unwrap();
    }
}

async fn statements_that_differ_are_not_charged(engine: Engine) {
    let database = fresh(engine).await;
    write(&*database, "INSERT INTO notes (title) VALUES ('a'), ('b')").await;
    let recorded = [record(&mut *reader(&*database).await, BY_TITLE, &[text("")]).await];
    let mut same = reader(&*database).await;
    assert_eq!(same.repeats(&recorded).await, Ok(true));
    let charged = Usage {
        statements: 1,
        rows: 2,
        bytes: 2,
    };
    assert_eq!(same.usage(), charged);
    write(&*database, "INSERT INTO notes (title) VALUES ('c')").await;
    let mut other = reader(&*database).await;
    assert_eq!(other.repeats(&recorded).await, Ok(false));
    assert_eq!(other.usage(), Usage::default());
}

async fn statements_that_fail_do_not_repeat(engine: Engine) {
    let database = fresh(engine).await;
    write(
        &*database,
        "INSERT INTO notes (title, rank) VALUES ('a', 1)",
    )
    .await;
    // It fails once the sum exceeds 64 bits.
    let sum = "SELECT sum(rank) FROM notes WHERE rank > 0";
    let sum = match engine {
        Engine::Sqlite => sum.to_owned(),
        Engine::Postgres => sum.replace("sum(rank)", "cast(sum(rank) AS bigint)"),
    };
    let recorded = [record(&mut *reader(&*database).await, &sum, &[]).await];
    let most = i64::MAX;
    let large = format!("INSERT INTO notes (title, rank) VALUES ('b', {most})");
    write(&*database, &large).await;
    let mut reading = reader(&*database).await;
    assert_eq!(reading.repeats(&recorded).await, Ok(false));
    assert!(reading.spent());
}

async fn a_result_that_depends_on_chance_is_known(engine: Engine) {
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    assert!(reading.seen().is_some());
    query(&mut *reading, "SELECT count(*) FROM notes")
        .await
        .unwrap();
    assert!(reading.seen().is_some());
    query(&mut *reading, "SELECT title FROM notes ORDER BY RANDOM()")
        .await
        .unwrap();
    assert!(reading.seen().is_none());
    assert!(writer(&*database).await.seen().is_none(), "a write");
}

/// Tables of all kinds, and what changes one of them through another.
const KINDS: &str = "
    CREATE TABLE plain (id INTEGER PRIMARY KEY, x INTEGER UNIQUE, y INTEGER AS (x * 2));
    CREATE TABLE other (id INTEGER PRIMARY KEY, x INTEGER);
    CREATE TABLE keyed (name TEXT PRIMARY KEY, x INTEGER) WITHOUT ROWID;
    CREATE TABLE audit (what TEXT);
    CREATE TRIGGER noted AFTER INSERT ON keyed BEGIN INSERT INTO audit VALUES (NEW.name); END;
    CREATE TABLE parents (id INTEGER PRIMARY KEY, x INTEGER);
    CREATE TABLE children (
        id INTEGER PRIMARY KEY,
        parent INTEGER REFERENCES parents (id) ON DELETE CASCADE,
        other INTEGER REFERENCES other (id) ON DELETE SET NULL ON UPDATE CASCADE
    );
    CREATE VIEW doubled AS SELECT id, y FROM plain WHERE x > 0;
    CREATE VIEW writable AS SELECT x FROM plain;
    CREATE TRIGGER written INSTEAD OF INSERT ON writable BEGIN
        INSERT OR REPLACE INTO plain (id, x) VALUES (1, NEW.x);
    END;
    CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO plain (id, x) VALUES (1, 1), (2, 2);
    INSERT INTO other VALUES (1, 1);
    INSERT INTO keyed VALUES ('a', 1);
    INSERT INTO parents VALUES (1, 1), (2, 2);
    INSERT INTO children VALUES (1, 1, 1), (2, 2, NULL);";

async fn kinds() -> Arc<dyn Database> {
    let database: Arc<dyn Database> = connect(&Location::Temporary, Options::default()).unwrap();
    migrate(&*database, &[step("0001-kinds", KINDS)]).await;
    database
}

async fn migrate(database: &dyn Database, steps: &[Migration]) {
    let mut transaction = database.begin_migration(generous()).await.unwrap();
    transaction.migrate(steps, false).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
}

/// Runs a statement in a read transaction of its own, and returns what it saw. Does not wait until that is
/// durable.
async fn see(database: &dyn Database, statement: &str) -> Seen {
    let mut reading = reader(database).await;
    query(&mut *reading, statement).await.unwrap();
    reading.seen().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_unchanged_until_a_write_touches_one_of_its_tables_in_any_way() {
    let database = kinds().await;
    for (read, write_elsewhere, change) in [
        (
            "SELECT x FROM plain",
            "UPDATE other SET x = 2",
            "UPDATE plain SET x = 7 WHERE id = 1",
        ),
        // Only the number of rows is read.
        (
            "SELECT count(*) FROM plain",
            "DELETE FROM audit",
            "DELETE FROM plain WHERE id = 2",
        ),
        (
            "SELECT EXISTS (SELECT 1 FROM plain)",
            "DELETE FROM audit",
            "DELETE FROM plain",
        ),
        // Names in another case, and REPLACE, which deletes a row without a word.
        (
            "SELECT X FROM PLAIN",
            "UPDATE Other SET x = 3",
            "INSERT OR REPLACE INTO Plain (id, x) VALUES (5, 9)",
        ),
        (
            "SELECT y FROM plain",
            "UPDATE other SET x = 4",
            "REPLACE INTO plain (id, x) VALUES (6, 9)",
        ),
        // An upsert.
        (
            "SELECT x FROM plain",
            "UPDATE other SET x = 5",
            "INSERT INTO plain (id, x) VALUES (6, 1) ON CONFLICT (id) DO UPDATE SET x = 8",
        ),
        // Through a view, and through an alias, a subquery and common table expressions.
        (
            "SELECT * FROM doubled",
            "UPDATE other SET x = 6",
            "UPDATE plain SET x = 3 WHERE id = 6",
        ),
        (
            "WITH a AS (SELECT p.x FROM plain AS p), b AS (SELECT * FROM a) SELECT (SELECT max(x) FROM b)",
            "UPDATE other SET x = 7",
            "UPDATE plain SET x = 4 WHERE id = 6",
        ),
        (
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n JOIN plain ON i < plain.x) \
          SELECT count(*) FROM n",
            "UPDATE other SET x = 8",
            "UPDATE plain SET x = 2 WHERE id = 6",
        ),
        // Through a trigger instead of an insert.
        (
            "SELECT x FROM plain",
            "UPDATE other SET x = 9",
            "INSERT INTO writable VALUES (77)",
        ),
        // A table without row ids, and the table that its trigger fills.
        (
            "SELECT x FROM keyed",
            "UPDATE other SET x = 10",
            "UPDATE keyed SET x = 2",
        ),
        (
            "SELECT what FROM audit",
            "UPDATE keyed SET x = 3",
            "INSERT INTO keyed VALUES ('b', 1)",
        ),
        // The actions of foreign keys.
        (
            "SELECT id FROM children",
            "UPDATE plain SET x = 5 WHERE id = 6",
            "DELETE FROM parents WHERE id = 2",
        ),
        (
            "SELECT other FROM children",
            "UPDATE plain SET x = 6 WHERE id = 6",
            "UPDATE other SET id = 3",
        ),
        (
            "SELECT other FROM children",
            "UPDATE plain SET x = 7 WHERE id = 6",
            "DELETE FROM other",
        ),
        (
            "SELECT id FROM children",
            "UPDATE keyed SET x = 4",
            "INSERT OR REPLACE INTO parents VALUES (1, 5)",
        ),
        // Rows with a default, numbered by SQLite.
        (
            "SELECT count(*) FROM log",
            "UPDATE plain SET x = 8 WHERE id = 6",
            "INSERT INTO log DEFAULT VALUES",
        ),
        ("INSERT INTO log DEFAULT VALUES RETURNING id", "", ""),
    ] {
        if change.is_empty() {
            // A statement that changes rows and returns some changes its table, too.
            let seen = see(&*database, "SELECT count(*) FROM log").await;
            let mut writing = writer(&*database).await;
            query(&mut *writing, read).await.unwrap();
            writing.commit().await.unwrap();
            assert!(!database.unchanged(&seen), "{read}");
            continue;
        }
        let seen = see(&*database, read).await;
        assert!(database.unchanged(&seen), "{read}");
        write(&*database, write_elsewhere).await;
        assert!(database.unchanged(&seen), "{read} after {write_elsewhere}");
        write(&*database, change).await;
        assert!(!database.unchanged(&seen), "{read} after {change}");
        assert!(database.unchanged(&see(&*database, read).await), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_changes_nothing_or_is_rolled_back_leaves_reads_unchanged() {
    let database = kinds().await;
    let seen = see(&*database, "SELECT x FROM plain").await;
    write(&*database, "UPDATE plain SET x = 1 WHERE id = 100").await;
    let mut undone = writer(&*database).await;
    execute(&mut *undone, "DELETE FROM plain").await.unwrap();
    undone.rollback().await.unwrap();
    let mut dropped = writer(&*database).await;
    execute(&mut *dropped, "DELETE FROM plain").await.unwrap();
    assert!(database.unchanged(&seen), "before it is committed");
    drop(dropped);
    assert!(database.unchanged(&seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_schema_changes_every_read_and_statements_know_the_new_tables() {
    let database = kinds().await;
    let constant = see(&*database, "SELECT 1").await;
    let through_view = see(&*database, "SELECT * FROM doubled").await;
    let view = "DROP VIEW doubled; CREATE VIEW doubled AS SELECT id, x AS y FROM other;";
    migrate(
        &*database,
        &[step("0001-kinds", KINDS), step("0002-view", view)],
    )
    .await;
    assert!(!database.unchanged(&constant));
    assert!(!database.unchanged(&through_view));
    // The connection has the statement from before, and compiles it again.
    let seen = see(&*database, "SELECT * FROM doubled").await;
    write(&*database, "UPDATE plain SET x = 50 WHERE id = 1").await;
    assert!(
        database.unchanged(&seen),
        "the view no longer reads this table"
    );
    write(&*database, "UPDATE other SET x = 50").await;
    assert!(!database.unchanged(&seen));
    // A write of the same text as before, through a view whose trigger is another one now.
    write(&*database, "INSERT INTO writable VALUES (60)").await;
    let seen = see(&*database, "SELECT * FROM keyed").await;
    let trigger = "DROP TRIGGER written; CREATE TRIGGER written INSTEAD OF INSERT ON writable BEGIN \
                   UPDATE keyed SET x = NEW.x; END;";
    let steps = [
        step("0001-kinds", KINDS),
        step("0002-view", view),
        step("0003-trigger", trigger),
    ];
    migrate(&*database, &steps).await;
    assert!(!database.unchanged(&seen));
    let seen = see(&*database, "SELECT * FROM keyed").await;
    write(&*database, "INSERT INTO writable VALUES (60)").await;
    assert!(!database.unchanged(&seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_may_depend_on_the_clock_is_never_unchanged_but_can_repeat() {
    let database = kinds().await;
    for (statement, depends) in [
        (
            "SELECT datetime('now', '-100 years') < 'x' FROM plain",
            true,
        ),
        ("SELECT CURRENT_DATE > '' FROM plain", true),
        ("SELECT date(x, 'unixepoch') FROM plain", true),
        ("SELECT abs(x), length('now') FROM plain", false),
    ] {
        let mut reading = reader(&*database).await;
        let recorded = [record(&mut *reading, statement, &[]).await];
        let seen = reading.seen().expect("it does not depend on chance");
        assert_eq!(database.unchanged(&seen), !depends, "{statement}");
        let mut again = reader(&*database).await;
        assert_eq!(again.repeats(&recorded).await, Ok(true), "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_changes_every_read() {
    let directory = tempfile::tempdir().unwrap();
    let from = Location::Sqlite(directory.path().join("from.sqlite"));
    let full = connect(&from, Options::default()).unwrap();
    let schema = "CREATE TABLE items (id INTEGER PRIMARY KEY);";
    migrate(&*full, &[step("0001-items", schema)]).await;
    write(&*full, "INSERT INTO items VALUES (1), (2)").await;
    let empty: Arc<dyn Database> =
        Arc::new(Sqlite::open(Config::file(directory.path().join("to.sqlite"))).unwrap());
    migrate(&*empty, &[step("0001-items", schema)]).await;
    let seen = see(&*empty, "SELECT count(*) FROM items").await;
    let mut copy = export(&from).await.unwrap();
    let mut import = empty.import(&copy.manifest).await.unwrap();
    for (table, row) in all(&mut copy).await {
        import.add(table, vec![row]).await.unwrap();
    }
    assert!(empty.unchanged(&seen), "nothing is visible yet");
    import.finish().await.unwrap();
    assert!(!empty.unchanged(&seen));
    assert_eq!(
        integer(&mut *reader(&*empty).await, "SELECT count(*) FROM items").await,
        2
    );
    // Writes go on, and are noticed.
    let seen = see(&*empty, "SELECT count(*) FROM items").await;
    assert!(empty.unchanged(&seen));
    write(&*empty, "INSERT INTO items VALUES (3)").await;
    assert!(!empty.unchanged(&seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_a_commit_becomes_visible_no_read_of_its_tables_is_unchanged() {
    let (reached, steps) = std::sync::mpsc::channel();
    let (go_on, held) = std::sync::mpsc::channel();
    let held = std::sync::Mutex::new(held);
    let database: Arc<dyn Database> = Arc::new(
        Sqlite::open(Config {
            at_commit: Some(Arc::new(move |step| {
                reached.send(step).unwrap();
                held.lock().unwrap().recv().unwrap();
            })),
            ..Config::temporary()
        })
        .unwrap(),
    );
    let pass = |expected| {
        assert_eq!(steps.recv_timeout(Duration::from_secs(20)), Ok(expected));
    };
    let commit = |statement: &'static str| {
        let database = database.clone();
        tokio::spawn(async move { write(&*database, statement).await })
    };
    for _ in 0..4 {
        go_on.send(()).unwrap();
    }
    migrate(&*database, &[step("0001-kinds", KINDS)]).await;
    pass(CommitStep::Marked);
    pass(CommitStep::Visible);
    write(&*database, "UPDATE plain SET x = 10 WHERE id = 1").await;
    pass(CommitStep::Marked);
    pass(CommitStep::Visible);

    let read = "SELECT x FROM plain WHERE id = 1";
    let value = async || integer(&mut *reader(&*database).await, read).await;
    let before = see(&*database, read).await;
    let other = see(&*database, "SELECT x FROM keyed").await;
    assert!(database.unchanged(&before));
    let writing = commit("UPDATE plain SET x = 11 WHERE id = 1");
    pass(CommitStep::Marked);
    assert_eq!(value().await, 10);
    let marked = see(&*database, read).await;
    assert!(
        !database.unchanged(&before),
        "the commit may become visible at any time"
    );
    assert!(!database.unchanged(&marked));
    assert!(database.unchanged(&other), "another table");
    go_on.send(()).unwrap();
    pass(CommitStep::Visible);
    assert_eq!(value().await, 11);
    let visible = see(&*database, read).await;
    for (seen, when) in [
        (&before, "before"),
        (&marked, "marked"),
        (&visible, "visible"),
    ] {
        assert!(!database.unchanged(seen), "{when}");
    }
    go_on.send(()).unwrap();
    writing.await.unwrap();
    for (seen, when) in [
        (&before, "before"),
        (&marked, "marked"),
        (&visible, "visible"),
    ] {
        assert!(!database.unchanged(seen), "{when}");
    }
    let after = see(&*database, read).await;
    assert!(database.unchanged(&after));
    assert!(database.unchanged(&other));
}
