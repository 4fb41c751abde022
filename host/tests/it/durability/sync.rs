//! Syncs that are held back or fail: nothing is acknowledged before the log is on the disk.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::client::Answer;
use crate::harness::{Host, Setup, eventually};
use crate::metrics::count;

/// How long nothing may come from a host that must not answer yet. A host that does not wait
/// for the sync answers within a millisecond or two.
const SILENCE: Duration = Duration::from_millis(300);

/// A library that stands between the host and the syncs of its log (`gate.c`).
struct Gate {
    directory: PathBuf,
}

impl Gate {
    /// Compiles the library and puts a setup behind it.
    fn build(setup: Setup) -> (Self, Setup) {
        let directory = setup.directory().join("gate");
        std::fs::create_dir(&directory).expect("a directory");
        let library = directory.join("gate.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/durability/gate.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .status()
            .expect("a C compiler, which building the host needs as well");
        assert!(built.success());
        let setup = setup
            .variable("LD_PRELOAD", library.display().to_string())
            .variable("SYNC_GATE", directory.display().to_string());
        (Self { directory }, setup)
    }

    fn set(&self, name: &str) {
        std::fs::write(self.directory.join(name), b"").expect("written");
    }

    fn clear(&self, name: &str) {
        std::fs::remove_file(self.directory.join(name)).expect("removed");
    }

    /// Waits until a sync of the log has begun since [`Gate::forget`].
    fn wait_for_a_sync(&self) {
        eventually("the log is synced", || {
            self.directory.join("reached").exists().then_some(())
        });
    }

    fn forget(&self) {
        let _ = std::fs::remove_file(self.directory.join("reached"));
    }
}

fn post(host: &Host, title: &str) -> TcpStream {
    host.request("POST", "/tasks")
        .json(&json!({"title": title, "category": "feature"}))
        .open()
        .expect("a connection")
}

fn get(host: &Host, path: &str) -> TcpStream {
    host.request("GET", path).open().expect("a connection")
}

/// Nothing arrives on the connection; only time can show it.
#[track_caller]
fn assert_silent(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(SILENCE)).expect("a time-out");
    let mut byte = [0];
    match stream.read(&mut byte) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        other => panic!("an answer came before the sync: {other:?}"),
    }
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a time-out");
}

#[track_caller]
fn answer(stream: &mut TcpStream) -> Answer {
    Answer::read(stream, false).expect("an answer")
}

#[test]
fn no_write_is_answered_before_its_sync_is_done() {
    let (gate, setup) = Gate::build(Setup::tasks());
    let host = setup.start();
    answer(&mut post(&host, "Before")).expect(201);

    gate.forget();
    gate.set("hold");
    let mut first = post(&host, "Held back");
    gate.wait_for_a_sync();
    // A second writer joins while the first waits: it may not pass either.
    let mut second = post(&host, "Behind it");
    assert_silent(&mut first);
    assert_silent(&mut second);
    // What waits for the disk does not hold the process.
    host.get("/livez").expect(200);

    gate.clear("hold");
    assert_eq!(answer(&mut first).expect(201).json()["title"], "Held back");
    assert_eq!(answer(&mut second).expect(201).json()["title"], "Behind it");
}

#[test]
fn no_read_shows_what_a_power_cut_could_still_take() {
    let (gate, setup) = Gate::build(Setup::tasks());
    let host = setup.start();
    gate.forget();
    gate.set("hold");
    let mut write = post(&host, "Not yet");
    gate.wait_for_a_sync();
    let mut read = get(&host, "/tasks/1");
    let mut list = get(&host, "/tasks");
    assert_silent(&mut read);
    assert_silent(&mut list);
    gate.clear("hold");
    assert_eq!(answer(&mut read).expect(200).json()["title"], "Not yet");
    assert_eq!(answer(&mut list).expect(200).json()[0]["title"], "Not yet");
    answer(&mut write).expect(201);
}

#[test]
fn waiting_writes_share_a_sync() {
    let (gate, setup) = Gate::build(Setup::tasks());
    let host = setup.start();
    gate.forget();
    gate.set("hold");
    let mut first = post(&host, "Leads");
    gate.wait_for_a_sync();
    let mut others: Vec<_> = (0..10)
        .map(|n| post(&host, &format!("Joins {n}")))
        .collect();
    assert_silent(&mut others[9]);
    gate.clear("hold");
    answer(&mut first).expect(201);
    for other in &mut others {
        answer(other).expect(201);
    }
    let tasks = host.get("/tasks").expect(200).json();
    assert_eq!(tasks.as_array().map(Vec::len), Some(11));
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let (gate, setup) = Gate::build(Setup::tasks());
    let host = setup.start();
    answer(&mut post(&host, "Safe")).expect(201);
    host.get("/readyz").expect(200);

    gate.set("fail");
    let refused = answer(&mut post(&host, "In doubt"));
    // It was committed, and may or may not be there after a power cut.
    refused.problem(503, "outcome-unknown");
    assert_eq!(refused.header("retry-after"), None, "{refused}");
    let unknown = "task_host_transactions_total{access=\"write\",outcome=\"unknown\"}";
    assert_eq!(count(&host, unknown), 1.0);
    eventually("readiness goes away", || {
        (host.get("/readyz").status == 503).then_some(())
    });
    // The kernel reports an error once and may have dropped the pages: a later success of the
    // same call would prove nothing, so the host has to stay as it is.
    gate.clear("fail");
    answer(&mut post(&host, "Too late")).problem(503, "unavailable");
    // Hosts that are not ready get no requests; what an alert counts has to rise without them.
    let unavailable = || count(&host, "task_host_database_unavailable_total");
    let before = unavailable();
    host.get("/readyz").expect(503);
    assert_eq!(unavailable(), before + 1.0);
    host.get("/livez").expect(200);
    let complaint = host.log.find(|line| line["level"] == "ERROR");
    assert!(
        complaint.is_some(),
        "someone has to act, so the log says it"
    );
    host.kill();

    let host = setup.start();
    let titles = crate::harness::column(&host.get("/tasks?order=asc").expect(200).json(), "title");
    assert!(
        titles == ["Safe"] || titles == ["Safe", "In doubt"],
        "{titles:?}"
    );
    answer(&mut post(&host, "After")).expect(201);
}
