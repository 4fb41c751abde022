//! Starts with and without compiled code, and restarts on the same database.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde_json::json;

use crate::harness::Setup;

/// Returns every file of the code cache with its modification time.
fn entries(directory: &Path) -> BTreeMap<String, SystemTime> {
    let mut entries = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("the cache").flatten() {
        let path = entry.path();
        if path.is_dir() {
            entries.extend(self::entries(&path));
        } else {
            let written = entry
                .metadata()
                .and_then(|of| of.modified())
                .expect("a time");
            entries.insert(path.display().to_string(), written);
        }
    }
    entries
}

#[test]
fn a_second_start_uses_the_compiled_code_of_the_first() {
    let setup = Setup::tasks().own_cache();
    drop(setup.start());
    let cache = setup.directory().join("code-cache");
    let first = entries(&cache);
    assert!(!first.is_empty(), "compiled code is cached");
    let host = setup.start();
    host.get("/tasks").expect(200);
    assert_eq!(entries(&cache), first, "nothing was compiled again");
}

#[test]
fn damaged_compiled_code_is_compiled_again() {
    let setup = Setup::tasks().own_cache();
    drop(setup.start());
    let cache = setup.directory().join("code-cache");
    for path in entries(&cache).keys() {
        let mut code = fs::read(path).expect("an entry");
        let middle = code.len() / 2;
        if let Some(byte) = code.get_mut(middle) {
            *byte ^= 0xff;
        }
        fs::write(path, code).expect("written");
    }
    setup.start().get("/tasks").expect(200);
    for path in entries(&cache).keys() {
        fs::write(path, b"").expect("written");
    }
    setup.start().get("/tasks").expect(200);
}

#[test]
fn the_data_survives_a_restart() {
    let setup = Setup::tasks();
    let host = setup.start();
    let body = json!({"title": "Kept", "category": "feature", "tags": ["a"]});
    let task = host.post("/tasks", &body).expect(201).json();
    drop(host);
    assert_eq!(setup.start().get("/tasks/1").expect(200).json(), task);
}

#[test]
fn a_memory_database_does_not_survive_a_restart() {
    let setup = Setup::tasks().database("sqlite::memory:");
    let host = setup.start();
    let body = json!({"title": "Short-lived", "category": "feature"});
    host.post("/tasks", &body).expect(201);
    drop(host);
    let host = setup.start();
    assert_eq!(host.get("/tasks").expect(200).json(), json!([]));
}

#[test]
fn a_missing_data_directory_is_created() {
    let setup = Setup::tasks();
    let path = setup.directory().join("new/data.sqlite");
    let setup = setup.database(&format!("sqlite:{}", path.display()));
    setup.start().get("/tasks").expect(200);
    assert!(path.is_file());
}

#[test]
fn a_log_that_is_no_longer_read_does_not_stop_the_host() {
    let mut host = Setup::counter().start();
    host.log.stop_reading();
    host.get("/counters").expect(200);
    host.log.wait_until_closed();
    for _ in 0..3 {
        host.get("/counters").expect(200);
    }
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}
