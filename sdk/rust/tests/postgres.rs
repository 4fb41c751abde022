//! The tests of a service run on PostgreSQL as they do on SQLite.

use std::process::Command;

use task_host_sdk::bindings::task_host::platform::sql::{Cell, Dialect, Value};
use task_host_sdk::platform::{Host, Platform as _};
use task_host_sdk::prelude::*;
use task_host_sdk::testing::{self, DATABASE};

/// Things for sale.
#[service(name = "Things", migrations = "tests/migrations")]
mod things {
    use super::*;

    const COLUMNS: &str = "id, name, size, weight, sold";

    /// A thing.
    #[derive(Data, Row, Debug, PartialEq)]
    pub struct Thing {
        pub id: i64,
        pub name: String,
        pub size: i64,
        pub weight: Option<f64>,
        pub sold: bool,
    }

    /// A new thing.
    #[derive(Data, Clone)]
    pub struct Draft {
        pub name: String,
        pub size: i64,
        pub weight: Option<f64>,
        pub sold: bool,
    }

    /// Adds a thing.
    #[post("/things")]
    pub fn create(draft: Draft) -> Result<Thing> {
        let Draft {
            name,
            size,
            weight,
            sold,
        } = draft;
        sql!(
            "insert into things (name, size, weight, sold)
             values ({name}, {size}, {weight}, {sold}) returning {const COLUMNS}"
        )
        .one()
        .on_unique(409, "known", "This thing is known already")
    }

    /// Adds two things, or none.
    #[post("/pairs")]
    pub fn create_pair(one: Draft, two: String) -> Result<()> {
        create(one.clone())?;
        create(Draft { name: two, ..one })?;
        Ok(())
    }

    /// Returns all things.
    #[get("/things")]
    pub fn list() -> Result<Vec<Thing>> {
        sql!("select {const COLUMNS} from things order by id").all()
    }

    /// Returns the sum of the sizes, and their average.
    #[get("/totals")]
    pub fn totals() -> Result<(Option<i64>, Option<f64>)> {
        sql!("select sum(size) as total, avg(size) as average from things").one()
    }

    /// Writes, although a GET only reads.
    #[get("/mistakes/write")]
    pub fn write_in_a_get() -> Result<()> {
        sql!("delete from things").execute().map(drop)
    }
}

mod on_either_engine {
    use super::things::*;
    use super::*;

    fn draft(name: &str) -> Draft {
        Draft {
            name: name.to_owned(),
            size: 3,
            weight: Some(0.25),
            sold: true,
        }
    }

    /// What the log says about a defect, which is logged when it becomes the client's answer.
    fn logged(error: Error) -> String {
        assert_eq!(Problem::from(error).status, 500);
        testing::log_lines().pop().unwrap()
    }

    #[task_host_sdk::test]
    fn the_engine_is_that_of_the_variable() {
        let expected = match std::env::var(DATABASE) {
            Ok(_) => Dialect::Postgres,
            Err(_) => Dialect::Sqlite,
        };
        assert_eq!(Host.dialect(), expected);
    }

    #[task_host_sdk::test]
    fn values_of_every_kind_are_kept() {
        let created = create(draft("a chair")).unwrap();
        let empty = Draft {
            size: 4,
            weight: None,
            sold: false,
            ..draft("a vase")
        };
        let empty = create(empty).unwrap();
        assert_eq!(
            (created.id, created.weight, created.sold),
            (1, Some(0.25), true)
        );
        assert_eq!((empty.id, empty.weight), (2, None));
        assert_eq!(list().unwrap(), [created, empty]);
        assert_eq!(totals().unwrap(), (Some(7), Some(3.5)));
        let bytes = [Value::Blob(vec![0, 255])];
        let changed = Host.execute("update things set photo = $1 where id = 2", &bytes);
        assert_eq!(changed.unwrap(), 1);
        let read = Host
            .query("select photo from things order by id", &[])
            .unwrap();
        assert!(
            matches!(read.cells[..], [Cell::Null, Cell::Blob(_)]),
            "{:?}",
            read.cells
        );
        assert_eq!(read.heap, [0, 255]);
    }

    #[task_host_sdk::test]
    fn an_operation_that_fails_leaves_nothing_and_the_next_one_runs() {
        create(draft("a chair")).unwrap();
        let failed = create_pair(draft("a lamp"), "a chair".to_owned()).unwrap_err();
        assert_eq!(failed.problem().unwrap().code, "known");
        let names: Vec<_> = list()
            .unwrap()
            .into_iter()
            .map(|thing| thing.name)
            .collect();
        assert_eq!(names, ["a chair"]);
        let empty = Draft {
            size: 0,
            ..draft("a lamp")
        };
        let line = logged(create(empty).unwrap_err());
        assert!(line.contains("size"), "{line}");
        create_pair(draft("a lamp"), "a desk".to_owned()).unwrap();
        assert_eq!(list().unwrap().len(), 3);
    }

    #[task_host_sdk::test]
    fn a_get_cannot_write() {
        create(draft("a chair")).unwrap();
        let line = logged(write_in_a_get().unwrap_err());
        assert!(line.contains("a GET only reads"), "{line}");
        // Only that operation was one that reads.
        create(draft("a lamp")).unwrap();
        assert_eq!(list().unwrap().len(), 2);
    }

    #[task_host_sdk::test]
    fn tests_see_nothing_of_each_other() {
        assert_eq!(list().unwrap(), []);
        assert_eq!(create(draft("a chair")).unwrap().id, 1);
    }
}

#[test]
fn with_the_variable_the_tests_of_a_service_run_on_postgresql_and_leave_nothing() {
    let Some(server) = testkit::postgres::server() else {
        return;
    };
    let database = server.database();
    let tests = Command::new(std::env::current_exe().unwrap())
        .args(["on_either_engine", "every_statement"])
        .env(DATABASE, server.url(&database))
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&tests.stdout);
    assert!(tests.status.success(), "{output}");
    // Those above, and the one of the macro that compiles all statements.
    assert!(output.contains("test result: ok. 6 passed"), "{output}");
    let left = "select count(*) from pg_namespace where nspname like 'task_host_test%'";
    assert_eq!(server.run(&database, left).trim(), "0");
}

#[test]
fn a_database_that_cannot_be_reached_is_named_by_the_variable() {
    let tests = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "on_either_engine::a_get_cannot_write"])
        .env(DATABASE, "postgres://nobody:secret@127.0.0.1:1/nothing")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&tests.stdout);
    assert!(!tests.status.success(), "{output}");
    assert!(
        output.contains("cannot use the database of TASK_HOST_TEST_DATABASE"),
        "{output}"
    );
    assert!(!output.contains("secret"), "{output}");
}
