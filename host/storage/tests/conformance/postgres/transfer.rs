//! Copies of a PostgreSQL database, with every type, and with tables that refer to each other in a
//! circle.

use storage::transfer::{Export, Row, TransferError};
use storage::{Cause, export};
use testkit::eventually;

use super::*;
use crate::transfer::{all, last, viewed};

/// A column of every type, rows that refer to later ones, and tables that refer to each other in a
/// circle.
const WEB: &str = "
    CREATE DOMAIN grade AS integer CHECK (VALUE > 0);
    CREATE TABLE \"odd \"\"name\" (
        flag boolean, small smallint, big bigint, amount real, exact double precision,
        price numeric(12, 2), grade grade, name varchar(20), raw bytea, day date, at timestamptz,
        local timestamp, labels text[], document jsonb, span interval,
        doubled bigint GENERATED ALWAYS AS (big / 2) STORED
    );
    CREATE TABLE people (
        name text COLLATE \"C\" PRIMARY KEY,
        boss text COLLATE \"C\" REFERENCES people (name),
        team bigint
    );
    CREATE TABLE teams (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        head text COLLATE \"C\" REFERENCES people (name)
    );
    ALTER TABLE people ADD FOREIGN KEY (team) REFERENCES teams (id);";

/// The same tables for SQLite.
const EMBEDDED: &str = "
    CREATE TABLE \"odd \"\"name\" (
        flag INTEGER, small INTEGER, big INTEGER, amount REAL, exact REAL, price TEXT,
        grade INTEGER, name TEXT, raw BLOB, day TEXT, at TEXT, local TEXT, labels TEXT,
        document TEXT, span TEXT, doubled INTEGER GENERATED ALWAYS AS (big / 2) STORED
    ) STRICT;
    CREATE TABLE people (
        name TEXT PRIMARY KEY, boss TEXT REFERENCES people (name),
        team INTEGER REFERENCES teams (id)
    ) STRICT;
    CREATE TABLE teams (
        id INTEGER PRIMARY KEY AUTOINCREMENT, head TEXT REFERENCES people (name)
    ) STRICT;";

fn migration() -> Migration {
    Migration {
        name: "0001-web".into(),
        sqlite: EMBEDDED.into(),
        postgres: WEB.into(),
    }
}

/// Returns a database with these tables, and its location.
async fn web(location: Location) -> (Location, Arc<dyn Database>) {
    let database = connect(&location, Options::default()).unwrap();
    let mut transaction = database.begin_migration(generous()).await.unwrap();
    let done = transaction.migrate(&[migration()], false).await;
    done.unwrap().unwrap();
    transaction.commit().await.unwrap();
    (location, database)
}

async fn on_postgres(server: &Server) -> (Location, Arc<dyn Database>) {
    web(server.url(&server.database()).parse().unwrap()).await
}

async fn filled(server: &Server) -> (Location, Arc<dyn Database>) {
    let (location, database) = on_postgres(server).await;
    for statement in [
        "INSERT INTO teams DEFAULT VALUES",
        "INSERT INTO teams DEFAULT VALUES",
        "INSERT INTO teams DEFAULT VALUES",
        "DELETE FROM teams WHERE id = 3",
        "INSERT INTO people VALUES ('z', NULL, 1), ('a', 'z', 2), ('m', 'a', NULL)",
        "UPDATE teams SET head = 'z' WHERE id = 1",
        "INSERT INTO \"odd \"\"name\" VALUES
            (true, -3, 9223372036854775807, 0.1, 'inf', 12.50, 4, 'tab\tand \\ and é', '\\x00ff',
             '2026-11-21', '2026-11-21 09:00:00.25+02', '2026-11-21 09:00', '{a,\"b c\"}',
             '{\"a\": [1]}', '1 day 2 hours'),
            (NULL, NULL, NULL, NULL, -0.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
             NULL)",
    ] {
        write(&*database, statement).await;
    }
    (location, database)
}

/// Imports rows one at a time, the last one first, because their order must not matter.
async fn import(
    database: &dyn Database,
    copy: &Export,
    rows: &[(usize, Row)],
) -> Result<(), TransferError> {
    let mut import = database.import(&copy.manifest).await?;
    for (table, row) in rows.iter().rev() {
        import.add(*table, vec![row.clone()]).await?;
    }
    import.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_is_copied_in_both_directions() {
    let Some(server) = server() else {
        return;
    };
    let (from, _database) = filled(server).await;
    let mut copy = export(&from).await.unwrap();
    let rows = all(&mut copy).await;
    let tables = &copy.manifest.tables;
    let odd = tables
        .iter()
        .position(|table| table.name == "odd \"name")
        .unwrap();
    assert_eq!(tables[odd].columns.len(), 15, "without the generated one");
    let teams = tables.iter().find(|table| table.name == "teams").unwrap();
    assert_eq!((teams.rows, teams.last_id), (2, Some(3)));
    let row = &rows.iter().find(|(table, _)| *table == odd).unwrap().1;
    assert_eq!(
        row[..],
        [
            Value::Boolean(true),
            Value::Integer(-3),
            Value::Integer(i64::MAX),
            Value::Real(f64::from(0.1_f32)),
            Value::Real(f64::INFINITY),
            text("12.50"),
            Value::Integer(4),
            text("tab\tand \\ and é"),
            Value::Blob(vec![0, 255]),
            text("2026-11-21"),
            text("2026-11-21T07:00:00.25+00:00"),
            text("2026-11-21T09:00:00"),
            text("{a,\"b c\"}"),
            text("{\"a\": [1]}"),
            text("P1DT2H"),
        ]
    );

    let (back, database) = on_postgres(server).await;
    import(&*database, &copy, &rows).await.unwrap();
    let mut again = export(&back).await.unwrap();
    assert_eq!(again.manifest, copy.manifest);
    let mut sorted = [rows.clone(), all(&mut again).await];
    sorted
        .iter_mut()
        .for_each(|rows| rows.sort_by_key(|row| format!("{row:?}")));
    assert_eq!(sorted[0], sorted[1]);

    // To SQLite and back.
    let directory = tempfile::tempdir().unwrap();
    let (file, embedded) = web(Location::Sqlite(directory.path().join("web.sqlite"))).await;
    import(&*embedded, &copy, &rows).await.unwrap();
    let mut reading = reader(&*embedded).await;
    let seconds = "SELECT CAST(strftime('%s', at) AS INTEGER) FROM \"odd \"\"name\" WHERE flag = 1";
    assert_eq!(integer(&mut *reading, seconds).await, 1_795_244_400);
    drop(reading);
    let mut embedded = export(&file).await.unwrap();
    let from_file = all(&mut embedded).await;
    let (home, database) = on_postgres(server).await;
    import(&*database, &embedded, &from_file).await.unwrap();
    let mut home = export(&home).await.unwrap();
    let mut home = [sorted[0].clone(), all(&mut home).await];
    home.iter_mut()
        .for_each(|rows| rows.sort_by_key(|row| format!("{row:?}")));
    assert_eq!(home[0], home[1]);
    // The numbering continues, and the foreign keys are restored.
    let mut next = writer(&*database).await;
    let insert = "INSERT INTO teams DEFAULT VALUES RETURNING id";
    assert_eq!(integer(&mut *next, insert).await, 4);
    let refused = execute(&mut *next, "INSERT INTO teams (head) VALUES ('nobody')").await;
    assert_eq!(refused.unwrap_err().cause, Cause::ForeignKey, "at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_shows_all_tables_and_a_page_of_one() {
    let Some(server) = server() else {
        return;
    };
    let (from, database) = filled(server).await;
    let fill = "INSERT INTO teams (head) SELECT NULL FROM generate_series(1, 250)";
    write(&*database, fill).await;
    let first = viewed(&from, "teams", 0).await;
    let teams = &first.tables[first.shown.expect("the table")];
    assert_eq!(
        (&*teams.name, teams.rows, first.rows.len()),
        ("teams", 252, 100)
    );
    let rest = viewed(&from, "teams", 200).await;
    assert_eq!(rest.rows.len(), 52);
    assert_eq!(last(&rest), Some(&Value::Integer(253)));
    let odd = viewed(&from, "odd \"name", 0).await;
    assert!(
        odd.rows[0].contains(&Value::Blob(vec![0, 255])),
        "{:?}",
        odd.rows
    );
    assert_eq!(viewed(&from, "pg_class", 0).await.shown, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_blocks_writers_and_changes_nothing_when_it_is_dropped() {
    let Some(server) = server() else {
        return;
    };
    let (from, _database) = filled(server).await;
    let mut copy = export(&from).await.unwrap();
    let rows = all(&mut copy).await;
    let name = server.database();
    let (to, database) = web(server.url(&name).parse().unwrap()).await;
    let mut begun = database.import(&copy.manifest).await.unwrap();
    for (table, row) in &rows {
        begun.add(*table, vec![row.clone()]).await.unwrap();
    }
    let late = tokio::spawn({
        let database = database.clone();
        async move { write(&*database, "INSERT INTO people VALUES ('late', NULL, NULL)").await }
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE relation = 'logic.people'::regclass \
                 AND NOT granted";
    eventually("the row waits", || {
        (server.run(&name, waits) == "1").then_some(())
    });
    drop(begun);
    late.await.unwrap();
    let mut found = export(&to).await.unwrap();
    assert_eq!(all(&mut found).await.len(), 1);
    let refused = database.import(&copy.manifest).await.err();
    assert_eq!(refused, Some(TransferError::NotEmpty("people".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_without_a_column_is_refused() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut transaction = fixture.database.begin_migration(generous()).await.unwrap();
    let steps = [
        tables(Engine::Postgres),
        step("0002-counts", "CREATE SEQUENCE counts"),
    ];
    transaction.migrate(&steps, false).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    let url = fixture.server.url(&fixture.name).parse().unwrap();
    let refused = export(&url).await.err();
    assert_eq!(
        refused,
        Some(TransferError::Sequence("logic.counts".into()))
    );
}
