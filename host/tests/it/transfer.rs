//! The commands that copy a service's data, run against a host that serves: `export`, `import` and
//! `backup`.

mod dump;
mod engines;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Host, Refused, Setup, built, run, task_host};

/// Creates a task with every member, one that depends on it, and one that is deleted again.
fn fill(host: &Host) {
    let rich = json!({
        "title": "Zażółć \"gęślą\" \n \u{1f600}", "category": "bugfix", "priority": "critical",
        "description": "A description", "assignee": "ada", "estimated_hours": 0.30000000000000004,
        "tags": ["api", "a,b:c"], "due_at": "2027-01-01T00:00:00.123456Z"
    });
    host.post("/tasks", &rich).expect(201);
    let waits = json!({"title": "Waits for it", "category": "feature", "dependencies": [1]});
    host.post("/tasks", &waits).expect(201);
    host.put(
        "/tasks/2",
        &json!({"status": "completed", "actual_hours": 2}),
    )
    .expect(200);
    let gone = json!({"title": "Is gone", "category": "feature"});
    host.post("/tasks", &gone).expect(201);
    host.delete("/tasks/3").expect(200);
}

/// The SQLite file of a setup.
fn database(setup: &Setup) -> PathBuf {
    setup.directory().join("data.sqlite")
}

fn url_of(database: &Path) -> String {
    format!("sqlite:{}", database.display())
}

/// A `task-host` command on the database with this URL.
fn command(name: &str, url: &str) -> Command {
    let mut command = task_host();
    command.args([name, "--database", url]);
    command
}

/// The rows of a table in an export. The first value of a row is the table's name.
fn rows<'a>(lines: &'a str, table: &str) -> impl Iterator<Item = Value> + 'a {
    let start = format!("[\"{table}\",");
    let rows = lines.lines().filter(move |line| line.starts_with(&start));
    rows.map(|line| serde_json::from_str(line).expect("JSON"))
}

/// Runs an export, which must succeed, and returns its lines.
#[track_caller]
fn exported(url: &str) -> String {
    let ended = run(command("export", url));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended.stdout
}

/// Imports lines into the SQLite file of a setup.
fn import(setup: &Setup, lines: &str, component: Option<&str>) -> Refused {
    import_into(&url_of(&database(setup)), setup, lines, component)
}

/// Writes lines to a file in the setup's directory and imports it.
fn import_into(url: &str, setup: &Setup, lines: &str, component: Option<&str>) -> Refused {
    let file = setup.directory().join("lines.jsonl");
    std::fs::write(&file, lines).expect("written");
    let mut command = command("import", url);
    command.arg(&file);
    if let Some(component) = component {
        command.arg("--component").arg(built(component));
    }
    run(command)
}

#[test]
fn an_imported_export_has_the_same_data() {
    let from = Setup::tasks();
    let host = from.start();
    fill(&host);
    let tasks = host.get("/tasks").expect(200).json();
    let lines = exported(&url_of(&database(&from)));
    let header: Value =
        serde_json::from_str(lines.lines().next().expect("a header")).expect("JSON");
    assert_eq!(header["tables"][0]["name"], "deleted_tasks");
    assert_eq!(header["dialect"], "sqlite");

    let to = Setup::tasks();
    let ended = import(&to, &lines, Some("tasks.wasm"));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stderr.contains("imported"), "{ended:#?}");
    let copy = to.start();
    assert_eq!(copy.get("/tasks").expect(200).json(), tasks);
    let found = copy.get("/tasks?q=wait&tags=").expect(200).json();
    assert_eq!(found[0]["id"], 2);
    // The lines are the same, except for the header, which has the time.
    let rest = |lines: &str| lines.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rest(&exported(&url_of(&database(&to)))), rest(&lines));
    // Ids continue after the highest one, even though its task was deleted.
    let next = json!({"title": "The next one", "category": "feature"});
    assert_eq!(copy.post("/tasks", &next).expect(201).json()["id"], 4);
}

#[test]
fn an_export_of_a_database_in_use_is_a_consistent_snapshot() {
    let setup = Setup::tasks();
    let host = setup.start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // A bulk request creates two tasks and their search terms, or nothing.
        let writes = scope.spawn(|| {
            let task = json!({"title": "Word", "category": "feature", "tags": ["tag"]});
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                host.post("/tasks/bulk", &json!([task, task])).expect(200);
                written += 2;
            }
            written
        });
        let mut seen = 0;
        for _ in 0..5 {
            let lines = exported(&url_of(&database(&setup)));
            let rows = |table| rows(&lines, table).count();
            assert_eq!(rows("tasks") % 2, 0);
            assert_eq!(rows("task_terms"), rows("tasks") * 2);
            assert!(rows("tasks") >= seen);
            seen = rows("tasks");
        }
        stop.store(true, Ordering::Relaxed);
        assert!(writes.join().expect("the writer ends") >= seen);
    });
}

#[test]
fn an_import_that_does_not_fit_changes_nothing() {
    let from = Setup::tasks();
    let host = from.start();
    fill(&host);
    let lines = exported(&url_of(&database(&from)));
    drop(host);

    let to = Setup::tasks();
    import(&to, &lines, None).says(1, &["migration 0001-tasks", "set the database up"]);
    import(&to, &lines, Some("counter.wasm")).says(1, &["migration", "0001-counters"]);
    let to = Setup::tasks();
    import(&to, "", Some("tasks.wasm")).says(1, &["header of an export"]);
    import(&to, "{\"a\":1}", Some("tasks.wasm")).says(1, &["header of an export"]);
    let short: Vec<&str> = lines.lines().collect();
    let cut = short[..short.len() - 1].join("\n");
    import(&to, &cut, Some("tasks.wasm")).says(1, &["should have", "incomplete"]);
    let wrong = lines.replace(
        "[\"task_dependencies\",2,1]",
        "[\"task_dependencies\",2,77]",
    );
    assert_ne!(wrong, lines);
    import(&to, &wrong, None).says(1, &["task_dependencies", "does not exist"]);
    let wrong = lines.replace("[\"tasks\",2,", "[\"tasks\",\"two\",");
    import(&to, &wrong, None).says(1, &["a row of tasks does not fit"]);
    let torn = format!("{lines}[\"tasks\",");
    import(&to, &torn, None).says(1, &["line", "not a row"]);
    // None of these left any rows, so the complete export can be imported.
    assert_eq!(import(&to, &lines, None).code, Some(0));
    import(&to, &lines, None).says(1, &["already has rows"]);
    let copy = to.start();
    assert_eq!(copy.get("/health").expect(200).json()["total_tasks"], 2);
    import(&to, &lines, None).says(2, &["--database", "in use"]);
}

#[test]
fn an_import_reads_an_export_from_standard_input() {
    let from = Setup::counter();
    let host = from.start();
    host.post("/counters", &json!({"name": "piped", "value": 7}))
        .expect(201);
    let lines = exported(&url_of(&database(&from)));
    let to = Setup::counter();
    let mut child = command("import", &url_of(&database(&to)))
        .args(["-", "--component"])
        .arg(built("counter.wasm"))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut input = child.stdin.take().expect("standard input is piped");
    input.write_all(lines.as_bytes()).expect("written");
    drop(input);
    assert!(child.wait().expect("the import ends").success());
    let copy = to.start();
    let piped = copy.get("/counters/piped").expect(200).json();
    assert_eq!(piped, host.get("/counters/piped").expect(200).json());
}

#[test]
fn a_failed_export_says_why() {
    let nowhere = "sqlite:/nowhere/data.sqlite";
    run(command("export", nowhere)).says(1, &["no database at /nowhere/data.sqlite"]);
    let mut memory = task_host();
    memory.args(["export", "--database", "sqlite::memory:"]);
    run(memory).says(1, &["name a file"]);
    let setup = Setup::tasks();
    let other = setup.directory().join("other");
    std::fs::write(&other, "some other text".repeat(90)).expect("written");
    let other = url_of(&other);
    run(command("export", &other)).says(1, &["other", "not a database"]);
}

#[test]
fn a_host_starts_on_a_backup() {
    let setup = Setup::tasks();
    let host = setup.start();
    fill(&host);
    let tasks = host.get("/tasks").expect(200).json();
    let copy = setup.directory().join("backup.sqlite");
    let backup = || {
        let mut command = command("backup", &url_of(&database(&setup)));
        command.arg(&copy);
        run(command)
    };
    let ended = backup();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    backup().says(1, &["already exists"]);
    // A task that is created after the backup is not in it.
    let later = json!({"title": "Later on", "category": "feature"});
    host.post("/tasks", &later).expect(201);
    host.kill();

    // To restore, the backup replaces the database and its -wal and -shm files.
    for suffix in ["", "-wal", "-shm"] {
        let file = setup.directory().join(format!("data.sqlite{suffix}"));
        if file.exists() {
            std::fs::remove_file(file).expect("removed");
        }
    }
    std::fs::rename(&copy, database(&setup)).expect("moved");
    let host = setup.start();
    assert_eq!(host.get("/tasks").expect(200).json(), tasks);
    assert_eq!(host.post("/tasks", &later).expect(201).json()["id"], 4);
    let history = host.admin("GET", "/admin/deployments").send().expect(200);
    assert!(history.text().contains("bundled"), "{history}");
}
