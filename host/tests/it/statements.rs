//! Slow statements, as operators see them, and the plans of the task component on a large table.
//!
//! A host that notes every statement lists the plans with which it really runs them, with its own
//! settings. SQLite plans by statistics alone, so twelve thousand tasks with the statistics of a million
//! stand for a million.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Host, Setup, eventually};
use crate::metrics::count;

/// Tasks of which half match each filter, and words of which one is rare. `SERIES` are the numbers x.
const TASKS: &str = "
    insert into tasks (title, status, priority, category, assignee, tags, dependencies, due_at,
        created_at, updated_at, checksum)
    select 'Task ' || x, x % 2, x / 2 % 2, x / 4 % 2, case x / 8 % 2 when 0 then 'ada' else 'zoe' end,
        '', '', 1800000000000000 + x, 1700000000000000 + x * 1000, 0, 'x' from SERIES;
    insert into task_terms (term, task_id) select 'common', id from tasks;
    insert into task_terms (term, task_id) select 'rare', id from tasks where id % 2000 = 0;
    analyze;";

/// The statistics that the host gathers of a million tasks.
const STATISTICS: &str = "
    delete from sqlite_stat1;
    insert into sqlite_stat1 (tbl, idx, stat) values
        ('tasks', 'tasks_by_created_at', '1000000 1 1'),
        ('tasks', 'tasks_by_updated_at', '1000000 401 1 1'),
        ('tasks', 'tasks_by_status', '1000000 401 1 1'),
        ('tasks', 'tasks_by_priority', '1000000 401 1 1'),
        ('tasks', 'tasks_by_category', '1000000 401 1 1'),
        ('tasks', 'tasks_by_assignee', '1000000 401 1 1'),
        ('tasks', 'tasks_by_due_at', '1000000 1'),
        ('task_terms', 'task_terms', '12500000 401 1');";

fn on_sqlite(slow: &str) -> Host {
    let setup = Setup::tasks().flag("--slow-statement", slow);
    let path = setup.directory().join("data.sqlite");
    let setup = setup.database(&format!("sqlite:{}", path.display()));
    setup.start().stop().expect("a clean stop");
    let series = "(with recursive n (x) as (select 1 union all select x + 1 from n where x < 12000) \
                  select x from n) as n";
    let statements = TASKS.replace("SERIES", series) + STATISTICS;
    storage::sqlite::testing::run_unchecked(&path, &statements).expect("valid statements");
    setup.start()
}

/// A host, and the name of its empty database. `None` if PostgreSQL is missing.
fn on_postgres(slow: &str) -> Option<(Host, String)> {
    let server = crate::postgres::server()?;
    let database = server.database();
    let setup = Setup::tasks().flag("--slow-statement", slow);
    let host = setup.database(&server.url(&database)).start();
    Some((host, database))
}

fn listed(host: &Host) -> Vec<Value> {
    let listed = host.admin("GET", "/admin/statements").send().expect(200);
    listed.json().as_array().expect("a list").clone()
}

/// Sends a request and returns the plans of the statements that no earlier request ran. One of them `uses`
/// what is expected. Statements are listed one after the other, so it waits for that one.
fn plans(
    host: &Host,
    known: &mut BTreeSet<String>,
    path: &str,
    uses: &str,
) -> Vec<(String, String)> {
    host.get(path).expect(200);
    let expected = format!("a plan of {path} uses {uses}");
    let new: Vec<(String, String)> = eventually(&expected, || {
        let new = listed(host).into_iter().filter_map(|entry| {
            let statement = entry["statement"].as_str()?.to_owned();
            (!known.contains(&statement)).then_some((statement, entry["plan"].clone()))
        });
        let planned = new.map(|(statement, plan)| Some((statement, plan.as_str()?.to_owned())));
        let planned: Vec<_> = planned.collect::<Option<_>>()?;
        let any = |(_, plan): &(String, String)| plan.contains(uses);
        planned.iter().any(any).then_some(planned)
    });
    known.extend(new.iter().map(|(statement, _)| statement.clone()));
    new
}

/// The requests of the measurement at a million tasks, with what a plan uses on SQLite and on PostgreSQL.
const SHAPES: [(&str, &str, &str); 8] = [
    ("/tasks/7", "INTEGER PRIMARY KEY (rowid=?)", "tasks_pkey"),
    ("/tasks", "INDEX tasks_by_created_at", "tasks_by_created_at"),
    (
        "/tasks?assignee=ada&status=pending",
        "INDEX tasks_by_assignee (assignee=?",
        "tasks_by_",
    ),
    (
        "/tasks?sort_by=priority&category=testing",
        "INDEX tasks_by_priority",
        "tasks_by_priority",
    ),
    (
        "/tasks?sort_by=updated_at&status=pending",
        "INDEX tasks_by_updated_at",
        "tasks_by_updated_at",
    ),
    (
        "/tasks?sort_by=status&order=asc&assignee=ada",
        "INDEX tasks_by_status",
        "tasks_by_status",
    ),
    (
        "/tasks?q=rare",
        "task_terms USING PRIMARY KEY",
        "task_terms_pkey",
    ),
    (
        "/tasks?q=common",
        "INDEX tasks_by_created_at",
        "tasks_by_created_at",
    ),
];

#[test]
fn no_page_reads_or_sorts_a_large_table_on_sqlite() {
    let host = on_sqlite("1ns");
    let mut known = BTreeSet::new();
    for (path, uses, _) in SHAPES {
        for (statement, plan) in plans(&host, &mut known, path, uses) {
            // The statement that looks ahead scans a part of the table that it has limited. What waits to be
            // indexed is short.
            let short = ["SCAN task_terms_new", "SCAN task_terms_state"];
            let scans = plan
                .lines()
                .map(str::trim_start)
                .filter(|step| !short.iter().any(|scan| step.starts_with(scan)))
                .any(|step| step.starts_with("SCAN task"))
                && !plan.contains("CO-ROUTINE tasks");
            // The few tasks with a rare word are sorted.
            let sorts = plan.contains("TEMP B-TREE FOR ORDER BY") && path != "/tasks?q=rare";
            assert!(!scans && !sorts, "{path}: {statement}\n{plan}");
        }
    }
}

#[test]
fn no_page_reads_or_sorts_a_large_table_on_postgres() {
    let Some((host, database)) = on_postgres("1ns") else {
        return;
    };
    let server = crate::postgres::server().expect("the server that the host uses");
    let tasks = TASKS.replace("SERIES", "generate_series(1, 12000) as n (x)");
    // PostgreSQL plans by the pages that a table has: as many as with ten times the tasks.
    let fill =
        format!("set search_path to logic; alter table tasks set (fillfactor = 10); {tasks}");
    server.query(&database, &fill).expect("valid statements");
    let mut known = BTreeSet::new();
    for (path, _, uses) in SHAPES {
        for (statement, plan) in plans(&host, &mut known, path, uses) {
            let whole = ["tasks", "task_terms"].map(|table| format!("Seq Scan on {table} ("));
            let scans = whole.iter().any(|scan| plan.contains(scan));
            // The few tasks with a rare word are sorted.
            let sorts = plan.contains("Sort (") && path != "/tasks?q=rare";
            assert!(!scans && !sorts, "{path}: {statement}\n{plan}");
        }
    }
}

fn slow_statements_are_reported(host: &Host) {
    assert_eq!(count(host, "task_host_slow_statements_total"), 0.0);
    host.get("/tasks?assignee=a-secret").expect(200);
    let counted = count(host, "task_host_slow_statements_total");
    assert!(counted >= 1.0, "{counted}");
    let line = host.log.find(|line| !line["db.query.plan"].is_null());
    let line = line.expect("a slow statement is logged");
    assert_eq!(line["level"], "WARN", "{line}");
    assert_eq!(line["http.route"], "GET /tasks", "{line}");
    let text = line["db.query.text"].as_str().expect("a text");
    assert!(text.contains("from tasks where"), "{line}");
    assert!(
        line["db.query.plan"]
            .as_str()
            .is_some_and(|plan| plan.contains("tasks")),
        "{line}"
    );
    assert!(line["db.query.duration_ms"].is_u64(), "{line}");
    let entries = listed(host);
    let entry = entries.iter().find(|entry| entry["statement"] == text);
    let entry = entry.expect("the logged statement is listed");
    assert_eq!(entry["route"], "GET /tasks", "{entry}");
    assert_eq!(entry["count"], 1, "{entry}");
    assert!(!line.to_string().contains("a-secret"), "{line}");
    assert!(
        !json!(entries).to_string().contains("a-secret"),
        "{entries:?}"
    );
}

#[test]
fn a_slow_statement_is_logged_counted_and_listed_without_values_on_sqlite() {
    slow_statements_are_reported(&on_sqlite("1ns"));
}

#[test]
fn a_slow_statement_is_logged_counted_and_listed_without_values_on_postgres() {
    if let Some((host, _)) = on_postgres("1ns") {
        slow_statements_are_reported(&host);
    }
}

#[test]
fn zero_turns_the_report_of_slow_statements_off() {
    let host = Setup::tasks().flag("--slow-statement", "0ms").start();
    host.get("/tasks").expect(200);
    assert_eq!(listed(&host), [] as [Value; 0]);
    assert_eq!(count(&host, "task_host_slow_statements_total"), 0.0);
}

#[test]
fn a_clean_stop_leaves_statistics_for_the_next_start() {
    let setup = Setup::tasks();
    let path = setup.directory().join("data.sqlite");
    let setup = setup.database(&format!("sqlite:{}", path.display()));
    let host = setup.start();
    let task = json!({"title": "A task", "category": "testing"});
    host.post("/tasks", &task).expect(201);
    host.stop().expect("a clean stop");
    let check = "create temp table found (n check (n > 0));
        insert into found select count(*) from sqlite_stat1 where tbl = 'tasks'";
    storage::sqlite::testing::run_unchecked(&path, check).expect("there are statistics");
}
