//! Backup and restore of PostgreSQL with its own tools, as docs/BACKUP.md describes.

use serde_json::json;

use super::fill;
use crate::harness::{Setup, run};
use crate::postgres::{own_server, server};

#[test]
fn a_host_serves_a_dump_that_was_restored_on_another_server() {
    let (Some(server), Some(fresh)) = (server(), own_server()) else {
        return;
    };
    let name = server.database();
    let setup = Setup::tasks().database(&server.url(&name));
    let host = setup.start();
    fill(&host);
    let tasks = host.get("/tasks").expect(200).json();
    let tag = host.get("/tasks/1").expect_header("etag").to_owned();
    let active = |host: &crate::harness::Host| {
        let status = host.admin("GET", "/admin/status").send().expect(200).json();
        status["active"]["digest"].clone()
    };
    let digest = active(&host);
    let dump = setup.directory().join("tasks.dump");
    let mut command = server.program("pg_dump");
    command
        .args(["--format=custom", "--exclude-table-data=task_host.events*"])
        .arg("--file")
        .arg(&dump)
        .arg(&name);
    let ended = run(command);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:#?}");
    // A task that is created after the dump is not in it.
    let later = json!({"title": "Later on", "category": "feature"});
    host.post("/tasks", &later).expect(201);
    drop(host);

    // The new server has the host's role, as every new server does. The logic's role has no
    // password yet.
    fresh.run("postgres", &format!("CREATE DATABASE {name} OWNER host"));
    fresh.run("postgres", &format!("CREATE ROLE {name}_logic"));
    let mut command = fresh.program("pg_restore");
    command
        .args(["--exit-on-error", "--single-transaction", "--dbname", &name])
        .arg(&dump);
    let ended = run(command);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:#?}");

    let setup = setup.database(&fresh.url(&name)).without_component();
    let host = setup.start();
    assert_eq!(host.get("/tasks").expect(200).json(), tasks);
    let answer = host.get("/tasks/1").expect(200);
    assert_eq!(answer.expect_header("etag"), tag);
    assert_eq!(active(&host), digest);
    let history = host.admin("GET", "/admin/deployments").send().expect(200);
    assert!(history.text().contains("bundled"), "{history}");
    assert_eq!(host.post("/tasks", &later).expect(201).json()["id"], 4);
    // The dump contains no events, so the only event is that of the task just created.
    let events = fresh.run(&name, "SELECT count(*) FROM task_host.events");
    assert_eq!(events, "1");
}
