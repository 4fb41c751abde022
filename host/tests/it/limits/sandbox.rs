//! Logic cannot reach the host's tables, the session or files, and its log lines and random bytes
//! are bounded.

use serde_json::json;

use crate::client::encode;
use crate::harness::{Host, Setup};

/// Asserts that the statement fails or ends its request. Either way it has no effect.
#[track_caller]
fn is_refused(host: &Host, statement: &str) {
    let answers = [
        host.get(&format!("/naughty/sql?statement={}", encode(statement))),
        host.post("/naughty/sql", &json!(statement)),
    ];
    for answer in answers {
        let refused = answer.status >= 500 || answer.json()["kind"] == "failed";
        assert!(refused, "{statement}: {answer}");
    }
}

#[test]
fn sql_cannot_leave_the_logics_own_tables() {
    let setup = Setup::counter();
    let host = setup.start();
    host.post("/counters", &json!({"name": "witness"}))
        .expect(201);
    let stolen = setup.directory().join("stolen.sqlite");
    for statement in [
        &*format!("attach database '{}' as stolen", stolen.display()),
        &*format!("vacuum into '{}'", stolen.display()),
        "vacuum",
        "begin",
        "commit",
        "rollback",
        "savepoint s",
        "release s",
        "select 1; select 2",
        "insert into counters (name, value, step, color, version) values ('x', 0, 1, 'red', 1); commit",
        "create table mine (id integer)",
        "create temp table mine (id integer)",
        "create view mine as select 1",
        "create trigger mine after insert on counters begin select 1; end",
        "alter table counters add column mine text",
        "drop table counters",
        "reindex",
        "analyze",
        "pragma journal_mode = delete",
        "pragma table_list",
        "pragma database_list",
        "select * from pragma_database_list",
        "select * from sqlite_schema",
        "select * from sqlite_master",
        "select * from sqlite_temp_schema",
        "select * from dbstat",
        "select * from task_host_migrations",
        "select * from TASK_HOST_migrations",
        "select * from main.task_host_migrations",
        "select * from \"task_host_migrations\"",
        "delete from task_host_migrations",
        "insert into task_host_idempotency_keys default values",
        "select load_extension('x')",
        "select readfile('/etc/passwd')",
        "select writefile('/tmp/x', 'y')",
        "select fts3_tokenizer('x')",
        "explain select 1; drop table counters",
        "",
        "-- nothing",
    ] {
        is_refused(&host, statement);
        host.get("/counters/witness").expect(200);
    }
    assert!(!stolen.exists());
    drop(host);
    setup.start().get("/counters/witness").expect(200);
}

#[test]
fn sql_that_would_exhaust_memory_is_refused() {
    let host = Setup::counter().flag("--request-timeout", "5s").start();
    for statement in [
        "select randomblob(1000000000)",
        "select zeroblob(2000000000)",
        "select length(replace(hex(zeroblob(10000000)), '00', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'))",
        "select printf('%.*c', 1000000000, 'x')",
    ] {
        is_refused(&host, statement);
    }
    host.get("/naughty/calls-seen").expect(200);
}

#[test]
fn permitted_statements_work() {
    let host = Setup::counter().start();
    for (statement, kind, count) in [
        ("select 1", "rows", 1),
        ("values (1), (2)", "rows", 2),
        ("with n (x) as (select 1) select x from n", "rows", 1),
        (
            "insert into counters (name, value, step, color, version) values ('sql', 0, 1, 'red', 1)",
            "changed",
            1,
        ),
        (
            "update counters set step = 2 where name = 'sql'",
            "changed",
            1,
        ),
        (
            "delete from counters where name = 'sql' returning name",
            "rows",
            1,
        ),
    ] {
        let outcome = host
            .post("/naughty/sql", &json!(statement))
            .expect(200)
            .json();
        assert_eq!(outcome["kind"], kind, "{statement}: {outcome}");
        assert_eq!(outcome["count"], count, "{statement}: {outcome}");
    }
}

#[test]
fn the_clock_stands_still_and_random_bytes_are_bounded() {
    let host = Setup::counter().start();
    let times = host.get("/naughty/clock").expect(200).json();
    assert_eq!(times[0], times[1], "{times}");
    assert!(
        times[0].as_str().is_some_and(|time| time.ends_with('Z')),
        "{times}"
    );

    let one = host.get("/naughty/random?len=16").expect(200).json();
    let other = host.get("/naughty/random?len=16").expect(200).json();
    assert_ne!(one, other);
    host.get("/naughty/random?len=65536").expect(200);
    let answer = host.get("/naughty/random?len=65537");
    assert_eq!(answer.status, 500, "{answer}");
}

#[test]
fn log_lines_of_the_logic_carry_the_request_id_and_are_bounded() {
    let host = Setup::counter().start();
    host.request("GET", "/naughty/log?bytes=20&times=2")
        .header("x-request-id", "guest-says")
        .send()
        .expect(204);
    let line = host
        .log
        .find(|line| line.to_string().contains("xxxxxxxxxxxxxxxxxxxx"))
        .expect("the logic's line");
    assert!(line.to_string().contains("guest-says"), "{line}");
    assert_eq!(line["level"], "INFO");

    let answer = host.get("/naughty/log?bytes=100000&times=2000");
    assert!([204, 500].contains(&answer.status), "{answer}");
    let id = answer.expect_header("x-request-id").to_owned();
    host.get("/naughty/calls-seen").expect(200);
    let lines: Vec<_> = host.log.all();
    let of_the_request = lines.iter().filter(|line| line.to_string().contains(&id));
    assert!(of_the_request.count() < 1000);
    let longest = lines.iter().map(|line| line.to_string().len()).max();
    assert!(longest < Some(70_000), "{longest:?}");
}

#[test]
fn a_problem_without_an_error_status_becomes_500() {
    let host = Setup::counter().start();
    for status in [0, 99, 200, 204, 304, 399, 600, 65535] {
        let answer = host.get(&format!("/naughty/wrong-status?status={status}"));
        answer.problem(500, "on-purpose");
    }
}

#[test]
fn log_lines_are_bounded_by_bytes_too() {
    let host = Setup::counter().start();
    host.get("/naughty/log?bytes=4096&times=50").expect(204);
    let dropped = host.log.find(|line| line["dropped"].is_number());
    let dropped = dropped.expect("a line with the number of dropped lines");
    assert_eq!(dropped["dropped"], 34);
    let written = host.log.all().into_iter();
    assert_eq!(written.filter(|line| line["target"] == "logic").count(), 16);
}
