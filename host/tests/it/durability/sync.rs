//! Syncs that are delayed or fail: a write is acknowledged only when the log is on the disk.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::client::Answer;
use crate::harness::{Host, Setup, eventually};
use crate::metrics::count;

/// How long a test waits to see that the host does not answer yet. A host that does not wait for
/// the sync would answer within one or two milliseconds.
const SILENCE: Duration = Duration::from_millis(300);

/// Controls the syncs of a host's log by a preloaded library (`sync_control.c`).
struct SyncControl {
    directory: PathBuf,
}

impl SyncControl {
    /// Compiles the library and makes the hosts of a setup load it.
    fn build(setup: Setup) -> (Self, Setup) {
        let directory = setup.directory().join("sync-control");
        std::fs::create_dir(&directory).expect("a directory");
        let library = directory.join("sync_control.so");
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/durability/sync_control.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .status()
            .expect("a C compiler, which the host's build needs too");
        assert!(built.success());
        let setup = setup
            .variable("LD_PRELOAD", library.display().to_string())
            .variable("SYNC_CONTROL", directory.display().to_string());
        (Self { directory }, setup)
    }

    /// Switches `hold` or `fail` on.
    fn set(&self, name: &str) {
        std::fs::write(self.directory.join(name), b"").expect("written");
    }

    /// Switches `hold` or `fail` off.
    fn clear(&self, name: &str) {
        std::fs::remove_file(self.directory.join(name)).expect("removed");
    }

    /// Waits until a sync of the log has begun since [`SyncControl::forget_syncs`].
    fn wait_for_a_sync(&self) {
        eventually("the log is synced", || {
            self.directory.join("reached").exists().then_some(())
        });
    }

    /// Forgets the syncs that have begun so far.
    fn forget_syncs(&self) {
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

/// Asserts that no answer arrives within [`SILENCE`].
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
fn a_write_is_answered_only_after_its_sync() {
    let (syncs, setup) = SyncControl::build(Setup::tasks());
    let host = setup.start();
    answer(&mut post(&host, "Before")).expect(201);

    syncs.forget_syncs();
    syncs.set("hold");
    let mut first = post(&host, "Held back");
    syncs.wait_for_a_sync();
    // A second write arrives while the first waits. It must wait too.
    let mut second = post(&host, "Behind it");
    assert_silent(&mut first);
    assert_silent(&mut second);
    // Writes that wait for the disk do not block the process.
    host.get("/livez").expect(200);

    syncs.clear("hold");
    assert_eq!(answer(&mut first).expect(201).json()["title"], "Held back");
    assert_eq!(answer(&mut second).expect(201).json()["title"], "Behind it");
}

#[test]
fn a_read_never_shows_a_write_that_a_power_cut_could_still_lose() {
    let (syncs, setup) = SyncControl::build(Setup::tasks());
    let host = setup.start();
    syncs.forget_syncs();
    syncs.set("hold");
    let mut write = post(&host, "Not yet");
    syncs.wait_for_a_sync();
    let mut read = get(&host, "/tasks/1");
    let mut list = get(&host, "/tasks");
    assert_silent(&mut read);
    assert_silent(&mut list);
    syncs.clear("hold");
    assert_eq!(answer(&mut read).expect(200).json()["title"], "Not yet");
    assert_eq!(answer(&mut list).expect(200).json()[0]["title"], "Not yet");
    answer(&mut write).expect(201);
}

#[test]
fn waiting_writes_share_a_sync() {
    let (syncs, setup) = SyncControl::build(Setup::tasks());
    let host = setup.start();
    syncs.forget_syncs();
    syncs.set("hold");
    let mut first = post(&host, "Leads");
    syncs.wait_for_a_sync();
    let mut others: Vec<_> = (0..10)
        .map(|n| post(&host, &format!("Joins {n}")))
        .collect();
    assert_silent(&mut others[9]);
    syncs.clear("hold");
    answer(&mut first).expect(201);
    for other in &mut others {
        answer(other).expect(201);
    }
    let tasks = host.get("/tasks").expect(200).json();
    assert_eq!(tasks.as_array().map(Vec::len), Some(11));
}

#[test]
fn after_a_failed_sync_no_write_is_acknowledged() {
    let (syncs, setup) = SyncControl::build(Setup::tasks());
    let host = setup.start();
    answer(&mut post(&host, "Safe")).expect(201);
    host.get("/readyz").expect(200);

    syncs.set("fail");
    let refused = answer(&mut post(&host, "In doubt"));
    // The write was committed, but a power cut may lose it.
    refused.problem(503, "outcome-unknown");
    assert_eq!(refused.header("retry-after"), None, "{refused}");
    let unknown = "task_host_transactions_total{access=\"write\",outcome=\"unknown\"}";
    assert_eq!(count(&host, unknown), 1.0);
    eventually("readiness goes off", || {
        (host.get("/readyz").status == 503).then_some(())
    });
    // The kernel reports an error once and may have dropped the pages. A later successful sync
    // would prove nothing, so the host must stay unavailable.
    syncs.clear("fail");
    answer(&mut post(&host, "Too late")).problem(503, "unavailable");
    // Hosts that are not ready get no requests, so the metric that an alert watches must grow by
    // readiness probes alone.
    let unavailable = || count(&host, "task_host_database_unavailable_total");
    let before = unavailable();
    host.get("/readyz").expect(503);
    assert_eq!(unavailable(), before + 1.0);
    host.get("/livez").expect(200);
    let error = host.log.find(|line| line["level"] == "ERROR");
    assert!(
        error.is_some(),
        "an operator has to act, so the log has an error"
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
