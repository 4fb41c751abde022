//! Copies between the engines in every direction, from a host that clients write to meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};

use super::{command, exported, fill, import_into, rows, url_of};
use crate::harness::{Host, Refused, Setup, eventually, run};
use crate::postgres::server;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// A service's setup, and the URL of its database.
struct Service {
    setup: Setup,
    url: String,
}

impl Engine {
    /// Sets up a service on an empty database.
    fn service(self) -> Service {
        let setup = Setup::tasks();
        let url = match self {
            Engine::Sqlite => url_of(&setup.directory().join("own.sqlite")),
            Engine::Postgres => {
                let server = server().expect("the caller has checked");
                server.url(&server.database())
            }
        };
        let setup = setup.database(&url);
        Service { setup, url }
    }
}

impl Service {
    #[track_caller]
    fn exported(&self) -> String {
        exported(&self.url)
    }

    fn import(&self, lines: &str, component: Option<&str>) -> Refused {
        import_into(&self.url, &self.setup, lines, component)
    }
}

/// Returns every task with its entity tag, by id.
fn tasks(host: &Host) -> BTreeMap<i64, (Value, String)> {
    let mut tasks = BTreeMap::new();
    loop {
        let page = format!("/tasks?limit=1000&offset={}", tasks.len());
        let page = host.get(&page).expect(200).json();
        let page = page.as_array().expect("an array");
        if page.is_empty() {
            return tasks;
        }
        for row in page {
            let id = row["id"].as_i64().expect("an id");
            tasks.insert(id, task(host, id));
        }
    }
}

fn task(host: &Host, id: i64) -> (Value, String) {
    let answer = host.get(&format!("/tasks/{id}")).expect(200);
    let tag = answer.expect_header("etag").to_owned();
    (answer.json(), tag)
}

/// Until `stop` is set, creates pairs of tasks, makes the first depend on the second, and deletes
/// the second task of every fifth pair. Stores the highest acknowledged id in `highest`.
fn write(host: &Host, stop: &AtomicBool, highest: &AtomicI64) {
    let mut turn = 0;
    while !stop.load(Relaxed) {
        let draft = json!({"title": format!("Turn {turn}"), "category": "testing", "tags": ["a b"],
            "estimated_hours": f64::from(turn) / 3.0});
        let ids = host
            .post("/tasks/bulk", &json!([draft, draft]))
            .expect(200)
            .json();
        let [first, second] = [0, 1].map(|at| ids["task_ids"][at].as_i64().expect("an id"));
        host.put(
            &format!("/tasks/{first}"),
            &json!({"dependencies": [second]}),
        )
        .expect(200);
        if turn % 5 == 4 {
            host.delete(&format!("/tasks/{second}")).expect(200);
        }
        highest.store(second, Relaxed);
        turn += 1;
    }
}

/// Copies a database that clients write to, and asserts that the copy is the same.
fn copy(from: Engine, to: Engine) {
    if [from, to].contains(&Engine::Postgres) && server().is_none() {
        return;
    }
    let (source, target) = (from.service(), to.service());
    let host = source.setup.start();
    fill(&host);
    // The task with the highest id, 3, was deleted.
    let (stop, highest) = (AtomicBool::new(false), AtomicI64::new(3));
    let (lines, before) = thread::scope(|scope| {
        scope.spawn(|| write(&host, &stop, &highest));
        eventually("some tasks are written", || {
            (highest.load(Relaxed) > 20).then_some(())
        });
        let before = highest.load(Relaxed);
        let lines = source.exported();
        let after = highest.load(Relaxed);
        eventually("writing continues after the export", || {
            (highest.load(Relaxed) > after).then_some(())
        });
        stop.store(true, Relaxed);
        (lines, before)
    });
    // The export is a snapshot: each pair has its search terms.
    let turns: Vec<i64> = rows(&lines, "tasks")
        .map(|row| row[1].as_i64().expect("an id"))
        .collect();
    let terms = rows(&lines, "task_terms").filter(|row| row[1] == "#a b");
    assert_eq!(terms.count(), turns.iter().filter(|id| **id > 3).count());
    let last = *turns.last().expect("tasks");
    assert!(
        turns.contains(&(before - 1)),
        "{before} was acknowledged before the export"
    );

    let ended = target.import(&lines, Some("tasks.wasm"));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let words = format!("imported {} rows", lines.lines().count() - 1);
    assert!(ended.stderr.contains(&words), "{ended:#?}");
    let again = target.exported();
    let rest = |lines: &str| lines.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert!(
        rest(&again) == rest(&lines),
        "an export of the copy is the same"
    );

    let copy = target.setup.start();
    let copied = tasks(&copy);
    assert_eq!(copied.keys().copied().collect::<Vec<_>>(), turns);
    for (id, copy) in &copied {
        // Tasks that were written after the export began may differ.
        if *id < before - 1 {
            assert_eq!(*copy, task(&host, *id), "{id}");
        }
    }
    let found = copy.get("/tasks?q=wait").expect(200).json();
    assert_eq!(found[0]["id"], 2);
    let next = json!({"title": "The next one", "category": "feature"});
    let next = copy.post("/tasks", &next).expect(201).json()["id"].as_i64();
    assert!(
        next > Some(before.max(last)),
        "{next:?} after {before}, {last}"
    );
}

#[test]
fn a_copy_from_sqlite_to_sqlite_is_the_same() {
    copy(Engine::Sqlite, Engine::Sqlite);
}

#[test]
fn a_copy_from_sqlite_to_postgres_is_the_same() {
    copy(Engine::Sqlite, Engine::Postgres);
}

#[test]
fn a_copy_from_postgres_to_postgres_is_the_same() {
    copy(Engine::Postgres, Engine::Postgres);
}

#[test]
fn a_copy_from_postgres_to_sqlite_is_the_same() {
    copy(Engine::Postgres, Engine::Sqlite);
}

#[test]
fn an_import_into_postgres_that_does_not_fit_changes_nothing() {
    if server().is_none() {
        return;
    }
    let source = Engine::Sqlite.service();
    let host = source.setup.start();
    fill(&host);
    let lines = source.exported();

    let to = Engine::Postgres.service();
    to.import(&lines, None)
        .says(1, &["migration 0001-tasks", "set the database up"]);
    to.import(&lines, Some("counter.wasm"))
        .says(1, &["migration", "0001-counters"]);
    let to = Engine::Postgres.service();
    let short: Vec<&str> = lines.lines().collect();
    let cut = short[..short.len() - 1].join("\n");
    to.import(&cut, Some("tasks.wasm"))
        .says(1, &["should have", "incomplete"]);
    let wrong = |from: &str, with: &str| {
        let wrong = lines.replace(from, with);
        assert_ne!(wrong, lines);
        to.import(&wrong, None)
    };
    wrong(
        "[\"task_dependencies\",2,1]",
        "[\"task_dependencies\",2,77]",
    )
    .says(1, &["task_dependencies", "does not exist"]);
    wrong("[\"tasks\",2,", "[\"tasks\",\"two\",").says(
        1,
        &[
            "a row of tasks does not fit",
            "the type of id is bigint, but the row has a text",
        ],
    );
    wrong("[\"tasks\",2,", "[\"tasks\",1,").says(1, &["a row of tasks does not fit", "duplicate"]);
    wrong("\"checksum\"],", "\"checksums\"],").says(1, &["tasks differs", "checksums"]);
    wrong("{\"name\":\"tasks\"", "{\"name\":\"jobs\"").says(1, &["jobs", "has no such table"]);
    // None of these left any rows, so the complete export can be imported.
    let ended = to.import(&lines, None);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    to.import(&lines, None).says(1, &["already has rows"]);
    let copy = to.setup.start();
    assert_eq!(copy.get("/health").expect(200).json()["total_tasks"], 2);
}

#[test]
fn a_postgres_database_without_the_hosts_tables_is_not_exported() {
    let Some(server) = server() else {
        return;
    };
    let url = server.url(&server.database());
    let ended = run(command("export", &url));
    ended.says(1, &["there is no database at postgres://"]);
    assert!(!ended.stderr.contains("secret"), "{ended:#?}");
}
