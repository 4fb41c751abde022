//! Copies of a SQLite database: every value is copied exactly, and triggers do not run again.

use storage::transfer::{Export, Place, Row, TransferError, View};
use storage::{export, view};

use super::*;

/// Tables that refer to each other and to themselves, that number their rows, and that have a
/// trigger.
const WEB: &str = "
    CREATE TABLE people (
        name TEXT PRIMARY KEY,
        boss TEXT REFERENCES people (name),
        team INTEGER REFERENCES teams (id)
    ) WITHOUT ROWID;
    CREATE TABLE teams (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        head TEXT REFERENCES people (name) DEFERRABLE INITIALLY DEFERRED
    );
    CREATE TABLE \"odd \"\"name\" (
        anything,
        doubled INTEGER GENERATED ALWAYS AS (anything * 2) STORED,
        amount REAL
    );
    CREATE TABLE audit (what TEXT);
    CREATE TRIGGER joined AFTER INSERT ON people BEGIN
        INSERT INTO audit (what) VALUES (NEW.name);
    END;";

/// Returns a database file with these tables.
async fn web(
    directory: &tempfile::TempDir,
    name: &str,
    schema: &str,
) -> (Location, Arc<dyn Database>) {
    let location = Location::Sqlite(directory.path().join(name));
    let database = connect(&location, Options::default()).unwrap();
    let mut transaction = database.begin_migration(generous()).await.unwrap();
    let steps = [step("0001-web", schema)];
    transaction.migrate(&steps, false).await.unwrap().unwrap();
    transaction.commit().await.unwrap();
    (location, database)
}

async fn filled(directory: &tempfile::TempDir) -> (Location, Arc<dyn Database>) {
    let (location, database) = web(directory, "from.sqlite", WEB).await;
    for statement in [
        "INSERT INTO teams (id) VALUES (1), (2), (9)",
        "DELETE FROM teams WHERE id = 9",
        "INSERT INTO people VALUES ('z', NULL, 1), ('a', 'z', 2), ('m', 'a', NULL)",
        "UPDATE teams SET head = 'z' WHERE id = 1",
        "INSERT INTO \"odd \"\"name\" (anything, amount) VALUES (7, 0.1), (1.5, 1), ('x', NULL), \
         (x'00ff', 9e999), (NULL, -0.0)",
    ] {
        write(&*database, statement).await;
    }
    (location, database)
}

/// Returns all rows of an export, each with the index of its table.
pub(crate) async fn all(export: &mut Export) -> Vec<(usize, Row)> {
    let mut all = Vec::new();
    while let Some(batch) = export.rows.recv().await {
        let (table, rows) = batch.unwrap();
        all.extend(rows.into_iter().map(|row| (table, row)));
    }
    all
}

#[tokio::test]
async fn a_copy_has_every_row_and_value() {
    let directory = tempfile::tempdir().unwrap();
    let (from, _database) = filled(&directory).await;
    let mut copy = export(&from).await.unwrap();
    let names: Vec<_> = copy
        .manifest
        .tables
        .iter()
        .map(|table| &*table.name)
        .collect();
    assert_eq!(names, ["audit", "odd \"name", "people", "teams"]);
    assert_eq!(copy.manifest.tables[1].columns, ["anything", "amount"]);
    assert_eq!(copy.manifest.tables[3].last_id, Some(9));
    let rows = all(&mut copy).await;
    assert!(rows.contains(&(1, vec![Value::Integer(7), Value::Real(0.1)])));
    assert!(rows.contains(&(
        1,
        vec![Value::Blob(vec![0, 255]), Value::Real(f64::INFINITY)]
    )));
    assert!(rows.contains(&(1, vec![text("x"), Value::Null])));

    let (to, database) = web(&directory, "to.sqlite", WEB).await;
    let mut import = database.import(&copy.manifest).await.unwrap();
    for (table, row) in rows.clone() {
        import.add(table, vec![row]).await.unwrap();
    }
    // No row is visible before the end, and all rows are visible after it.
    let count = "SELECT count(*) FROM audit";
    assert_eq!(integer(&mut *reader(&*database).await, count).await, 0);
    import.finish().await.unwrap();
    assert_eq!(integer(&mut *reader(&*database).await, count).await, 3);
    let mut again = export(&to).await.unwrap();
    assert_eq!(again.manifest, copy.manifest);
    assert_eq!(all(&mut again).await, rows);
    // The numbering continues.
    let mut next = writer(&*database).await;
    let insert = "INSERT INTO teams DEFAULT VALUES RETURNING id";
    assert_eq!(integer(&mut *next, insert).await, 10);
}

/// Reads rows of a table from an offset on.
pub(crate) async fn viewed(location: &Location, table: &str, offset: u64) -> View {
    let table = table.to_owned();
    view(location, Some(Place { table, offset })).await.unwrap()
}

/// What the last row of a page has in its first column.
pub(crate) fn last(view: &View) -> Option<&Value> {
    view.rows.last().and_then(|row| row.first())
}

#[tokio::test]
async fn a_view_shows_all_tables_and_a_page_of_one() {
    let directory = tempfile::tempdir().unwrap();
    let (from, database) = filled(&directory).await;
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)";
    let fill = format!("INSERT INTO teams (id) {numbers} SELECT i + 100 FROM n");
    write(&*database, &fill).await;
    let all = view(&from, None).await.unwrap();
    let names: Vec<_> = all.tables.iter().map(|table| &*table.name).collect();
    assert_eq!(names, ["audit", "odd \"name", "people", "teams"]);
    assert_eq!((all.shown, all.rows.len()), (None, 0));

    let first = viewed(&from, "teams", 0).await;
    assert_eq!((first.shown, first.rows.len()), (Some(3), 100));
    assert_eq!(first.tables[3].rows, 252);
    assert_eq!(last(&first), Some(&Value::Integer(198)));
    let rest = viewed(&from, "teams", 200).await;
    assert_eq!(
        (rest.rows.len(), last(&rest)),
        (52, Some(&Value::Integer(350)))
    );
    assert_eq!(
        viewed(&from, "teams", u64::MAX).await.rows,
        Vec::<Row>::new()
    );
    assert_eq!(viewed(&from, "sqlite_schema", 0).await.shown, None);
    let odd = viewed(&from, "odd \"name", 0).await;
    assert_eq!(odd.rows[0], [Value::Integer(7), Value::Real(0.1)]);
}

#[tokio::test]
async fn a_view_of_large_values_has_fewer_rows_and_shows_what_is_not_utf_8_as_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (from, database) = filled(&directory).await;
    for _ in 0..5 {
        write(&*database, "INSERT INTO audit VALUES (zeroblob(400000))").await;
    }
    let page = viewed(&from, "audit", 3).await;
    assert_eq!(page.rows.len(), 3, "1 MiB is full with the third");
    write(&*database, "DELETE FROM audit").await;
    write(
        &*database,
        "INSERT INTO audit VALUES (CAST(x'ff61' AS TEXT))",
    )
    .await;
    let page = viewed(&from, "audit", 0).await;
    assert_eq!(page.rows, [vec![Value::Blob(vec![0xff, 0x61])]]);
}

#[tokio::test]
async fn a_batch_of_any_length_is_added_whole_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let schema = "CREATE TABLE wide (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b REAL) STRICT";
    let (from, database) = web(&directory, "from.sqlite", schema).await;
    let fill = "INSERT INTO wide (a, b) WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL \
                SELECT x + 1 FROM n WHERE x < 117) SELECT 'row ' || x, x * 0.5 FROM n";
    write(&*database, fill).await;
    let mut copy = export(&from).await.unwrap();
    let rows = all(&mut copy).await;
    let batch: Vec<Row> = rows.iter().map(|(_, row)| row.clone()).collect();
    assert_eq!(batch.len(), 117);

    let (to, database) = web(&directory, "to.sqlite", schema).await;
    // Rows that do not fit, each at another place of a statement, the last on its own.
    for (place, value) in [
        (0, Value::Null),
        (73, Value::Integer(1)),
        (116, Value::Null),
    ] {
        let mut import = database.import(&copy.manifest).await.unwrap();
        let mut batch = batch.clone();
        // A key that another row has, or no text.
        let column = usize::from(value == Value::Null);
        batch[place][column] = value;
        let refused = import.add(0, batch).await.unwrap_err();
        assert!(matches!(refused, TransferError::Row { .. }), "{refused}");
    }
    let mut import = database.import(&copy.manifest).await.unwrap();
    import.add(0, batch).await.unwrap();
    import.finish().await.unwrap();
    let mut again = export(&to).await.unwrap();
    assert_eq!(again.manifest, copy.manifest);
    assert_eq!(all(&mut again).await, rows);
}

#[tokio::test]
async fn an_import_that_is_dropped_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (from, _database) = filled(&directory).await;
    let mut copy = export(&from).await.unwrap();
    let rows = all(&mut copy).await;
    let (_, database) = web(&directory, "to.sqlite", WEB).await;
    let mut import = database.import(&copy.manifest).await.unwrap();
    import
        .add(rows[0].0, vec![rows[0].1.clone()])
        .await
        .unwrap();
    drop(import);
    let import = database.import(&copy.manifest).await.unwrap();
    let missing = import.finish().await.unwrap_err();
    assert!(
        matches!(missing, TransferError::Incomplete { found: 0, .. }),
        "{missing}"
    );
    write(&*database, "INSERT INTO audit VALUES ('here first')").await;
    let refused = database.import(&copy.manifest).await.err();
    assert_eq!(refused, Some(TransferError::NotEmpty("audit".into())));
}

#[tokio::test]
async fn another_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (from, _database) = filled(&directory).await;
    let mut manifest = export(&from).await.unwrap().manifest;
    let (_, other) = web(
        &directory,
        "other.sqlite",
        "CREATE TABLE people (name TEXT)",
    )
    .await;
    let refused = other.import(&manifest).await.err();
    assert_eq!(
        refused,
        Some(TransferError::ChangedMigration("0001-web".into()))
    );
    // As if the copy came from another engine, where the texts of migrations differ.
    manifest.dialect = Dialect::Postgres;
    let refused = other.import(&manifest).await.err().unwrap();
    assert!(
        refused
            .to_string()
            .contains("audit differs: the database has no such table")
    );
    manifest.tables.retain(|table| table.name == "people");
    let refused = other.import(&manifest).await.err().unwrap();
    assert!(
        refused
            .to_string()
            .contains("its columns are name, but in the copy they are boss")
    );
}
