//! Faults of the database's files: another host on the same file, a file that is moved or damaged, and
//! a disk that is full. Nothing that was acknowledged is lost, and the host says what to do.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{Host, Setup, eventually, run};
use crate::metrics::count;

fn database(setup: &Setup) -> PathBuf {
    setup.directory().join("data.sqlite")
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn post(host: &Host, title: &str) -> Answer {
    host.post("/tasks", &json!({"title": title, "category": "feature"}))
}

/// Asserts what a host says of itself that cannot carry out requests, and that it is not restarted.
#[track_caller]
fn is_not_ready(host: &Host, reason: &str) {
    for path in ["/readyz", "/health"] {
        let body = host.get(path).expect(503).json();
        let said = body["reason"].as_str().unwrap_or_default();
        assert!(said.contains(reason), "{path}: {body}");
    }
    host.get("/livez").expect(200);
}

fn errors(host: &Host, words: &str) -> Vec<Value> {
    let said = |line: &Value| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains(words))
    };
    let lines = host.log.all().into_iter();
    lines
        .filter(|line| line["level"] == "ERROR" && said(line))
        .collect()
}

/// A command in a mount namespace of its own, in which `from` is mounted at `to`.
fn with_mount(from: &Path, to: &Path, command: &Command) -> Command {
    let mut wrapped = Command::new("unshare");
    wrapped
        .args(["--mount", "--map-root-user", "sh", "-c"])
        .arg("mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"")
        .arg("sh")
        .args([from, to])
        .arg(command.get_program())
        .args(command.get_args());
    wrapped
}

#[test]
fn a_second_host_is_refused_by_every_path_to_the_file() {
    let setup = Setup::tasks();
    let host = setup.start();
    post(&host, "Mine").expect(201);
    let (file, elsewhere) = (database(&setup), tempfile::tempdir().expect("a directory"));

    let link = elsewhere.path().join("link.sqlite");
    symlink(&file, &link).expect("linked");
    setup
        .clone()
        .database(&url(&link))
        .refused()
        .says(2, &["in use by another process"]);

    let directory = elsewhere.path().join("mounted");
    fs::create_dir(&directory).expect("a directory");
    let mounted = setup
        .clone()
        .database(&url(&directory.join("data.sqlite")))
        .command();
    let refused = run(with_mount(setup.directory(), &directory, &mounted));
    if refused.stderr.contains("unshare: ") || refused.stderr.contains("mount: ") {
        eprintln!(
            "skipped: bind mounts are not allowed here: {}",
            refused.stderr
        );
    } else {
        refused.says(2, &["in use by another process"]);
        let alone = elsewhere.path().join("alone.sqlite");
        fs::write(&alone, b"").expect("written");
        let mounted = setup.clone().database(&url(&alone)).command();
        run(with_mount(&file, &alone, &mounted)).says(2, &["mount point", "mount its directory"]);
    }

    // Without the lock that belongs to the path, the one on the file still holds.
    fs::remove_file(setup.directory().join("data.sqlite-lock")).expect("removed");
    setup.refused().says(2, &["in use by another process"]);

    let hard = elsewhere.path().join("hard.sqlite");
    fs::hard_link(&file, &hard).expect("linked");
    setup
        .clone()
        .database(&url(&hard))
        .refused()
        .says(2, &["has 2 names (hard links)"]);
    fs::remove_file(&hard).expect("removed");

    assert_eq!(host.get("/tasks").expect(200).json()[0]["title"], "Mine");
    post(&host, "Still mine").expect(201);
    host.stop().expect("a clean stop");
}

#[test]
fn a_host_whose_file_was_moved_serves_nothing_and_keeps_the_data() {
    let setup = Setup::tasks();
    let host = setup.start();
    for number in 0..5 {
        post(&host, &format!("Kept {number}")).expect(201);
    }
    let moved = setup.directory().join("moved");
    fs::create_dir(&moved).expect("a directory");
    let names = ["data.sqlite", "data.sqlite-wal", "data.sqlite-shm"];
    for name in names {
        fs::rename(setup.directory().join(name), moved.join(name)).expect("renamed");
    }
    // Somebody puts another database there.
    fs::write(database(&setup), b"").expect("written");

    let refused = post(&host, "Lost");
    assert_eq!(refused.status, 503, "{refused}");
    post(&host, "Later").problem(503, "storage-moved");
    host.get("/tasks").problem(503, "storage-moved");
    is_not_ready(&host, "removed or replaced");
    assert_eq!(count(&host, "task_host_database_moved"), 1.0);
    let said = errors(&host, "nothing is answered until");
    assert_eq!(said.len(), 1, "{said:?}");
    let text = said[0]["message"].as_str().expect("a text");
    assert!(text.contains(&format!("/proc/{}/fd", host.id())), "{text}");

    fs::remove_file(database(&setup)).expect("removed");
    host.kill();
    for name in names {
        fs::rename(moved.join(name), setup.directory().join(name)).expect("renamed");
    }
    let host = setup.start();
    let titles = crate::harness::column(&host.get("/tasks?order=asc").expect(200).json(), "title");
    let kept: Vec<Value> = (0..5)
        .map(|number| format!("Kept {number}").into())
        .collect();
    assert_eq!(titles[..5], kept);
    host.get("/readyz").expect(200);
}

/// Overwrites the last quarter of the file with zeros, where the newest rows are.
fn damage(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).expect("the file");
    let pages = file.metadata().expect("its size").len() / 4096;
    for page in pages * 3 / 4..pages {
        file.write_all_at(&[0; 4096], page * 4096).expect("written");
    }
}

#[test]
fn damage_is_reported_and_ends_writes_and_a_back_up_repairs_it() {
    let setup = Setup::tasks();
    let host = setup.start();
    let long = "x".repeat(1900);
    for _ in 0..30 {
        let body: Value = (0..50)
            .map(|_| json!({"title": "Long", "category": "feature", "description": long}))
            .collect();
        host.post("/tasks/bulk", &body).expect(200);
    }
    let copy = setup.directory().join("copy.sqlite");
    let mut backup = crate::harness::task_host();
    backup
        .args(["backup", "--database", &url(&database(&setup))])
        .arg(&copy);
    assert_eq!(run(backup).code, Some(0));
    // A stop moves the log into the file.
    host.stop().expect("a clean stop");

    let host = setup.start();
    damage(&database(&setup));
    host.get("/tasks?limit=500&order=desc")
        .problem(503, "storage-damaged");
    post(&host, "More").problem(503, "storage-damaged");
    is_not_ready(&host, "the database is damaged: restore a back-up");
    assert_eq!(count(&host, "task_host_database_damaged"), 1.0);
    let said = errors(&host, "restore a back-up");
    assert_eq!(said.len(), 1, "{said:?}");
    host.kill();

    setup
        .refused()
        .says(2, &["is damaged", "restore a back-up"]);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(setup.directory().join(format!("data.sqlite{suffix}")));
    }
    fs::rename(&copy, database(&setup)).expect("restored");
    let host = setup.start();
    let total = host.get("/health").expect(200).json()["total_tasks"].clone();
    assert_eq!(total, 1500);
    post(&host, "After").expect(201);
}

/// Limits the size of every file that a host writes, as a full disk would. Returns the earlier limit.
fn limit_files(host: &Host, limit: Rlimit) -> Rlimit {
    let id = i32::try_from(host.id()).expect("a process id");
    prlimit(Pid::from_raw(id), Resource::Fsize, limit).expect("limited")
}

#[test]
fn a_full_disk_refuses_writes_answers_reads_and_ends_by_itself() {
    let setup = Setup::tasks();
    let host = setup.start();
    post(&host, "Before").expect(201);
    let before = limit_files(
        &host,
        Rlimit {
            current: Some(0),
            maximum: None,
        },
    );
    for _ in 0..3 {
        let refused = post(&host, "Refused");
        let body = refused.problem(503, "storage-full");
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("disk is full"), "{body}");
        assert_eq!(refused.header("retry-after"), Some("5"));
    }
    assert_eq!(host.get("/tasks").expect(200).json()[0]["title"], "Before");
    let ready = host.get("/readyz").expect(200).json();
    assert_eq!(ready["status"], "ready");
    assert_eq!(
        ready["degraded"],
        "the disk is full: writes fail, reads are answered"
    );
    let health = host.get("/health").expect(503).json();
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["reason"], ready["degraded"]);
    assert_eq!(health["total_tasks"], 1);
    assert_eq!(count(&host, "task_host_database_full"), 1.0);
    assert_eq!(errors(&host, "refuses writes").len(), 1);

    limit_files(&host, before);
    // No client has to write for that.
    eventually("the host is healthy again", || {
        (host.get("/health").status == 200).then_some(())
    });
    assert_eq!(
        host.get("/readyz").expect(200).json(),
        json!({"status": "ready"})
    );
    assert_eq!(count(&host, "task_host_database_full"), 0.0);
    post(&host, "After").expect(201);
    host.kill();
    let host = setup.start();
    let titles = crate::harness::column(&host.get("/tasks?order=asc").expect(200).json(), "title");
    assert_eq!(titles, ["Before", "After"]);
}
