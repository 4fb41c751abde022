//! The worked example of docs/MIGRATIONS.md: a column is added, back-filled and dropped over three
//! deployments while clients write and read. At each step both revisions serve.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};

use super::{deploy, latest, revision, run_successfully, status, under_load};
use crate::harness::{Host, Setup, built, eventually, run, task_host};

/// Text in the component that is followed by the number of its revision.
const TEXT: &[u8] = b"revision of contacts:";
/// Number of answers that each of two revisions must give while both serve.
const ANSWERS_PER_STEP: u64 = 25;

/// Writes the component of revision `number` to a file and returns its path.
fn contacts(setup: &Setup, number: u8) -> PathBuf {
    let mut component = std::fs::read(built("contacts.wasm")).expect("a file");
    let places = component.windows(TEXT.len()).enumerate();
    let places: Vec<usize> = places
        .filter(|(_, bytes)| *bytes == TEXT)
        .map(|(place, _)| place + TEXT.len())
        .collect();
    let [place] = places[..] else {
        panic!("the component has the text {} times", places.len());
    };
    component[place] = b'0' + number;
    let path = setup.directory().join(format!("contacts-{number}.wasm"));
    std::fs::write(&path, component).expect("written");
    path
}

/// Clients that write a number and read it back. Both requests use different client names, so the
/// revision that reads is often not the one that wrote.
struct Clients {
    turns: AtomicU64,
    /// Number of answers by revision.
    answers: Mutex<BTreeMap<String, u64>>,
}

impl Clients {
    fn write_and_read(&self, host: &Host) {
        let turn = self.turns.fetch_add(1, Relaxed);
        // No other thread writes this contact.
        let path = format!("/contacts/c{}", turn % 16 + 100 * thread_number());
        let written = json!({ "phone": turn.to_string() });
        for attempt in 0..2 {
            let request = host.request(if attempt == 0 { "PUT" } else { "GET" }, &path);
            let request = request.header("task-host-client", &format!("{turn}.{attempt}"));
            let request = match attempt {
                0 => request.json(&written),
                _ => request,
            };
            let answer = request.send().expect(200);
            assert_eq!(answer.json()["phone"], written["phone"], "{answer}");
            let mut answers = self.answers.lock().expect("no thread panicked");
            *answers.entry(revision(&answer).to_owned()).or_default() += 1;
        }
    }

    /// Returns the number of answers so far, by revision.
    fn counts(&self) -> BTreeMap<String, u64> {
        self.answers.lock().expect("no thread panicked").clone()
    }
}

/// A number that is unique to the current thread.
fn thread_number() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = THREADS.fetch_add(1, Relaxed));
    NUMBER.with(|number| *number)
}

/// Runs the migrations under load on the database whose URL `database` returns.
fn migrate_a_column(database: impl FnOnce(&Setup) -> String) {
    let setup = Setup::counter().flag("--probation", "50ms");
    let url = database(&setup);
    let first = contacts(&setup, 0);
    let setup = setup.of(first).database(&url);
    let host = setup.start();
    let clients = Clients {
        turns: AtomicU64::new(0),
        answers: Mutex::default(),
    };
    let ((), written) = under_load(
        &host,
        |host| clients.write_and_read(host),
        || {
            for number in 1..=3 {
                let component = contacts(&setup, number);
                let before = clients.counts();
                let output = deploy(&host, &component, &["--canary", "50%"]);
                assert_eq!(output.code, Some(0), "{number}: {output:#?}");
                let state = status(&host);
                let label = |which: &str| {
                    let digest = state[which]["digest"].as_str().expect("hex");
                    digest[..12].to_owned()
                };
                eventually("both revisions have served", || {
                    let counts = clients.counts();
                    let more = |label: &String| {
                        let count = |of: &BTreeMap<_, _>| of.get(label).copied().unwrap_or(0);
                        count(&counts) >= count(&before) + ANSWERS_PER_STEP
                    };
                    let both = [label("active"), label("candidate")];
                    both.iter().all(more).then_some(())
                });
                run_successfully(&host, &["promote"]);
                assert_eq!(latest(&host)["outcome"], "active", "{number}");
            }
        },
    );
    println!("{written} values were written and read back, none failed");

    let mut command = task_host();
    command.args(["export", "--database", &url]);
    let copy = run(command);
    let header = copy.stdout.lines().next().expect("a header");
    let header: Value = serde_json::from_str(header).expect("JSON");
    let table = &header["tables"][0];
    assert_eq!(table["columns"], json!(["name", "number"]));
    assert_eq!(header["migrations"].as_array().map(Vec::len), Some(4));
    // Going back one step is always possible.
    run_successfully(&host, &["rollback"]);
    clients.write_and_read(&host);
    assert_eq!(latest(&host)["kind"], "rollback");
}

#[test]
fn a_column_is_migrated_under_load_on_sqlite() {
    migrate_a_column(|setup| format!("sqlite:{}", setup.directory().join("own.sqlite").display()));
}

#[test]
fn a_column_is_migrated_under_load_on_postgres() {
    let Some(server) = crate::postgres::server() else {
        return;
    };
    migrate_a_column(|_| server.url(&server.database()));
}
