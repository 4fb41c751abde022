//! How plans come about: SQLite's statistics, the plans themselves, and statements that were slow.

use storage::{Recorded, export};

use super::*;

conformance! {
    a_plan_names_the_index_and_no_values,
    slow_statements_are_noted_with_their_text,
}

const BY_TITLE: &str = "SELECT id FROM notes WHERE title = $1";

async fn a_plan_names_the_index_and_no_values(engine: Engine) {
    let database = fresh(engine).await;
    write(
        &*database,
        "INSERT INTO notes (title) VALUES ('a'), ('secret')",
    )
    .await;
    let plan = database.explain(BY_TITLE, &[text("secret")]).await.unwrap();
    let expected = match engine {
        Engine::Sqlite => {
            "SEARCH notes USING COVERING INDEX sqlite_autoindex_notes_1 (title=?)".to_owned()
        }
        // The table is small, so PostgreSQL may read all of it.
        Engine::Postgres => plan
            .lines()
            .filter(|line| line.contains("on notes (rows=1)"))
            .collect(),
    };
    assert_eq!(plan, expected);
    assert!(!plan.is_empty() && !plan.contains("secret"), "{plan}");

    // A statement that writes is planned, but does not run.
    let change = "INSERT INTO notes (title) SELECT title || 'x' FROM notes WHERE title = $1";
    let plan = database.explain(change, &[text("secret")]).await.unwrap();
    assert!(plan.contains("notes"), "{plan}");
    assert_eq!(notes(&*database).await, 2);

    let unknown = database.explain("SELECT x FROM nowhere", &[]).await;
    assert!(matches!(unknown, Err(Error::Rejected(_))), "{unknown:?}");
}

async fn slow_statements_are_noted_with_their_text(engine: Engine) {
    for (slow_statement, noted) in [
        (Duration::from_nanos(1), [BY_TITLE, "SELECT 1"].as_slice()),
        (Duration::from_secs(60), &[]),
        (Duration::ZERO, &[]),
    ] {
        let database = open(engine, slow_statement).await;
        let mut reading = reader(&*database).await;
        let params = [text("a")];
        reading.query(BY_TITLE, &params).await.unwrap().unwrap();
        query(&mut *reading, "SELECT 1").await.unwrap();
        let slow = reading.take_slow();
        let texts: Vec<&str> = slow.iter().map(|statement| &*statement.text).collect();
        assert_eq!(texts, noted);
        if let Some(first) = slow.first() {
            assert!(first.took > Duration::ZERO && first.took < Duration::from_secs(60));
            // SQLite plans without the values.
            assert_eq!(first.params.is_empty(), engine == Engine::Sqlite);
        }
        assert_eq!(reading.take_slow(), []);
    }
}

/// Returns a new database with the tables of [`schema`] that notes slow statements.
async fn open(engine: Engine, slow_statement: Duration) -> Arc<dyn Database> {
    let location = match engine {
        Engine::Sqlite => Location::Temporary,
        Engine::Postgres => {
            let server = testkit::postgres::server().expect("checked by the caller");
            server.url(&server.database()).parse().unwrap()
        }
    };
    let options = Options {
        slow_statement,
        ..Options::default()
    };
    let database = connect(&location, options).unwrap();
    prepare(&*database, engine).await;
    database
}

async fn insert_notes(database: &dyn Database, from: u32, to: u32) {
    let statement = format!(
        "WITH RECURSIVE n (x) AS (SELECT {from} UNION ALL SELECT x + 1 FROM n WHERE x < {to}) \
         INSERT INTO notes (title, rank) SELECT 'note ' || x, 1 FROM n"
    );
    write(database, &statement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_without_statistics_and_those_that_grew_tenfold_are_analyzed() {
    let database = fresh(Engine::Sqlite).await;
    assert_eq!(database.analyze().await, Ok(0), "all tables are empty");
    insert_notes(&*database, 1, 100).await;
    assert_eq!(database.analyze().await, Ok(1));
    assert_eq!(database.analyze().await, Ok(0));
    insert_notes(&*database, 101, 300).await;
    assert_eq!(database.analyze().await, Ok(0), "it grew threefold");
    insert_notes(&*database, 301, 3_000).await;
    write(&*database, "INSERT INTO marks VALUES (1, 'x')").await;
    assert_eq!(database.analyze().await, Ok(2));
    let analyses = &database.stats().analyses;
    assert_eq!(analyses.load(std::sync::atomic::Ordering::Relaxed), 3);
}

/// A table with an index of two values and one of a thousand, filled so that SQLite chooses the first
/// index until it knows that.
const UNEQUAL: &str = "
    CREATE TABLE things (id INTEGER PRIMARY KEY, few INTEGER NOT NULL, many INTEGER NOT NULL);
    CREATE INDEX by_many ON things (many);
    CREATE INDEX by_few ON things (few);
    WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000)
    INSERT INTO things SELECT x, x % 2, x FROM n;";
const BOTH: &str = "SELECT id FROM things WHERE few = $1 AND many = $2";

async fn unequal() -> Arc<dyn Database> {
    let database = connect(&Location::Temporary, Options::default()).unwrap();
    migrate(&*database, &[step("0001-unequal", UNEQUAL)]).await;
    database
}

async fn migrate(database: &dyn Database, steps: &[Migration]) {
    let mut migration = database.begin_migration(generous()).await.unwrap();
    migration.migrate(steps, false).await.unwrap().unwrap();
    migration.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_plans_by_new_statistics() {
    let database = unequal().await;
    let plan = async || database.explain(BOTH, &[]).await.unwrap();
    assert_eq!(plan().await, "SEARCH things USING INDEX by_few (few=?)");
    // One connection is in use meanwhile, and one is not.
    let (mut in_use, idle) = (reader(&*database).await, reader(&*database).await);
    query(&mut *in_use, "SELECT count(*) FROM things")
        .await
        .unwrap();
    drop(idle);
    assert_eq!(database.analyze().await, Ok(1));
    drop(in_use);
    let expected = "SEARCH things USING INDEX by_many (many=?)";
    assert_eq!(plan().await, expected);
    let _first = reader(&*database).await;
    assert_eq!(plan().await, expected);
    // The statements that the writer has compiled are compiled again.
    let params = [Value::Integer(1), Value::Integer(7)];
    let mut writing = writer(&*database).await;
    let rows = writing.query(BOTH, &params).await.unwrap().unwrap();
    assert_eq!(rows.cells, [Cell::Integer(7)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_do_not_make_what_was_read_out_of_date() {
    let database = unequal().await;
    let mut reading = reader(&*database).await;
    let params = [Value::Integer(1), Value::Integer(7)];
    let rows = reading.query(BOTH, &params).await.unwrap().unwrap();
    let recorded = Recorded {
        statement: BOTH.into(),
        params: params.into(),
        result: storage::Found::rows(&rows),
    };
    let seen = reading.seen().unwrap();
    drop(reading);
    assert_eq!(database.analyze().await, Ok(1));
    assert!(database.unchanged(&seen));
    let mut reading = reader(&*database).await;
    assert_eq!(reading.repeats(&[recorded]).await, Ok(true));
    write(&*database, "UPDATE things SET few = 3 WHERE id = 7").await;
    assert!(!database.unchanged(&seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_change_what_has_statistics() {
    let database = unequal().await;
    assert_eq!(database.analyze().await, Ok(1));
    let steps = [
        step("0001-unequal", UNEQUAL),
        step(
            "0002-index",
            "DROP INDEX by_few; CREATE INDEX by_both ON things (few, many)",
        ),
        step(
            "0003-names",
            "ALTER TABLE things RENAME TO items; ALTER TABLE items RENAME few TO some",
        ),
    ];
    let mut trial = database.begin_trial(generous()).await.unwrap();
    trial.migrate(&steps, false).await.unwrap().unwrap();
    trial.rollback().await.unwrap();
    migrate(&*database, &steps).await;
    assert_eq!(database.analyze().await, Ok(1), "the new index has none");
    let plan = database.explain("SELECT id FROM items WHERE some = $1 AND many = $2", &[]);
    assert!(plan.await.unwrap().contains("INDEX by_"));
    let dropped = step("0004-drop", "DROP TABLE items");
    migrate(&*database, &[&steps[..], &[dropped]].concat()).await;
    assert_eq!(database.analyze().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_wait_for_a_write_that_runs() {
    let database = fresh(Engine::Sqlite).await;
    insert_notes(&*database, 1, 100).await;
    let mut writing = writer(&*database).await;
    execute(&mut *writing, "INSERT INTO notes (title) VALUES ('last')")
        .await
        .unwrap();
    let gathering = tokio::spawn({
        let database = database.clone();
        async move { database.analyze().await }
    });
    assert_eq!(notes(&*database).await, 100);
    assert!(!gathering.is_finished());
    writing.commit().await.unwrap();
    assert_eq!(gathering.await.unwrap(), Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_are_no_data_of_the_logic() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("data.sqlite"));
    let database = connect(&location, Options::default()).unwrap();
    prepare(&*database, Engine::Sqlite).await;
    insert_notes(&*database, 1, 10).await;
    assert_eq!(database.analyze().await, Ok(1));
    let mut reading = reader(&*database).await;
    let hidden = query(&mut *reading, "SELECT stat FROM sqlite_stat1").await;
    assert_eq!(hidden.unwrap_err().detail, "sqlite_stat1 belongs to SQLite");
    let exported = export(&location).await.unwrap();
    let tables = exported.manifest.tables.iter();
    let names: Vec<&str> = tables.map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["notes", "marks", "promises"]);
}
