//! A column is added, back-filled and dropped over three deployments while clients write and read: the worked example of
//! docs/MIGRATIONS.md, with both revisions serving at every step.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};

use super::{deploy, done, latest, revision, status, under_load};
use crate::harness::{Host, Setup, built, eventually, run, task_host};

/// What stands in the component, and ends with the revision.
const TEXT: &[u8] = b"revision of contacts:";
/// Answers that each of two revisions has to have given while both served.
const ENOUGH: u64 = 25;

/// The component of a revision, as a file.
fn contacts(setup: &Setup, number: u8) -> PathBuf {
    let mut component = std::fs::read(built("contacts.wasm")).expect("a file");
    let places = component.windows(TEXT.len()).enumerate();
    let places: Vec<usize> = places
        .filter(|(_, bytes)| *bytes == TEXT)
        .map(|(place, _)| place + TEXT.len())
        .collect();
    let [place] = places[..] else {
        panic!("the text is there {} times", places.len());
    };
    component[place] = b'0' + number;
    let path = setup.directory().join(format!("contacts-{number}.wasm"));
    std::fs::write(&path, component).expect("written");
    path
}

/// One client after the other writes a number and reads it back, each time as somebody else: so
/// the revision that reads is often not the one that wrote.
struct Clients {
    turns: AtomicU64,
    /// How many answers each revision gave.
    answers: Mutex<BTreeMap<String, u64>>,
}

impl Clients {
    fn ask(&self, host: &Host) {
        let turn = self.turns.fetch_add(1, Relaxed);
        // Nobody else writes this contact at the same time.
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
            let mut answers = self.answers.lock().expect("nobody panicked");
            *answers.entry(revision(&answer).to_owned()).or_default() += 1;
        }
    }

    /// What every revision has answered so far.
    fn counts(&self) -> BTreeMap<String, u64> {
        self.answers.lock().expect("nobody panicked").clone()
    }
}

/// A number that the client's thread has for itself.
fn thread_number() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = THREADS.fetch_add(1, Relaxed));
    NUMBER.with(|number| *number)
}

fn a_column_moves(place: impl FnOnce(&Setup) -> String) {
    let setup = Setup::counter().flag("--probation", "50ms");
    let url = place(&setup);
    let first = contacts(&setup, 0);
    let setup = setup.of(first).database(&url);
    let host = setup.start();
    let clients = Clients {
        turns: AtomicU64::new(0),
        answers: Mutex::default(),
    };
    let ((), asked) = under_load(
        &host,
        |host| clients.ask(host),
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
                eventually("both have served", || {
                    let counts = clients.counts();
                    let more = |label: &String| {
                        let count = |of: &BTreeMap<_, _>| of.get(label).copied().unwrap_or(0);
                        count(&counts) >= count(&before) + ENOUGH
                    };
                    let both = [label("active"), label("candidate")];
                    both.iter().all(more).then_some(())
                });
                done(&host, &["promote"]);
                assert_eq!(latest(&host)["outcome"], "active", "{number}");
            }
        },
    );
    println!("{asked} times written and read back, none failed");

    let mut command = task_host();
    command.args(["export", "--database", &url]);
    let copy = run(command);
    let header = copy.stdout.lines().next().expect("a header");
    let header: Value = serde_json::from_str(header).expect("JSON");
    let table = &header["tables"][0];
    assert_eq!(table["columns"], json!(["name", "number"]));
    assert_eq!(header["migrations"].as_array().map(Vec::len), Some(4));
    // One step back is always open.
    done(&host, &["rollback"]);
    clients.ask(&host);
    assert_eq!(latest(&host)["kind"], "rollback");
}

#[test]
fn a_column_moves_under_load_on_sqlite() {
    a_column_moves(|setup| format!("sqlite:{}", setup.directory().join("own.sqlite").display()));
}

#[test]
fn a_column_moves_under_load_on_postgres() {
    let Some(server) = crate::postgres::server() else {
        return;
    };
    a_column_moves(|_| server.url(&server.database()));
}
