//! Tasks that depend on each other while tasks are created and deleted. Each description lists the
//! original dependencies of its task. At any time, the task depends on exactly those that still
//! exist.
//!
//! In addition, the dependencies of a small set of tasks, the ring, are changed concurrently. A
//! change that would close a cycle is rejected, on every host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::client::{Client, Outcome, RequestSpec};

/// Number of live tasks from which on some are deleted.
const ENOUGH_TASKS: usize = 4;
/// Number of tasks in the ring.
const RING: usize = 4;

pub struct Dependencies<'a> {
    client: &'a Client<'a>,
    next: AtomicU64,
    ring: Vec<i64>,
    known: Mutex<Known>,
    audits: AtomicU64,
    /// Number of changes that were rejected because they would close a cycle.
    rejected_cycles: AtomicU64,
}

/// The ids of acknowledged tasks.
#[derive(Default, Clone)]
struct Known {
    /// Created, and no deletion has begun.
    live: BTreeSet<i64>,
    /// Deleted.
    deleted: BTreeSet<i64>,
}

impl<'a> Dependencies<'a> {
    pub fn new(client: &'a Client<'a>) -> Self {
        let ring = (0..RING).map(|number| {
            let request = RequestSpec::new("POST", "/tasks")
                .header("idempotency-key", format!("ring-{number}"))
                .json(json!({"title": "ring", "category": "testing", "tags": ["ring"]}));
            let made = client.send_until_answered(&request).expect(201).json();
            made["id"].as_i64().expect("an id")
        });
        Self {
            client,
            next: AtomicU64::new(1),
            ring: ring.collect(),
            known: Mutex::default(),
            audits: AtomicU64::new(0),
            rejected_cycles: AtomicU64::new(0),
        }
    }

    /// Until `stop` is set, creates tasks that depend on others, and deletes tasks.
    pub fn create_and_delete(&self, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            let number = self.next.fetch_add(1, Relaxed);
            let enough = self.known().live.len() >= ENOUGH_TASKS;
            match enough && number.is_multiple_of(2) {
                true => self.delete(number),
                false => self.create(number),
            }
        }
    }

    /// Changes the dependencies of the ring's tasks until `stop` is set.
    pub fn change_ring(&self, stop: &AtomicBool) {
        for number in 0.. {
            if stop.load(Relaxed) {
                break;
            }
            let (task, other) = (number % RING, (number / 3) % RING);
            let on = match number % 5 {
                0 => json!([]),
                _ => json!([self.ring[other]]),
            };
            let request = RequestSpec::new("PUT", format!("/tasks/{}", self.ring[task]))
                .json(json!({"dependencies": on}));
            if let Outcome::Answered(answer) = self.client.try_once(&request) {
                assert!([200, 409].contains(&answer.status), "{answer}");
                let rejected = u64::from(answer.status == 409);
                self.rejected_cycles.fetch_add(rejected, Relaxed);
            }
        }
    }

    /// Checks all tasks until `stop` is set.
    pub fn audit(&self, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            let before = self.known().clone();
            let Outcome::Answered(answer) = self.client.try_once(&list_all()) else {
                continue;
            };
            let after = self.known().clone();
            check_list(&answer.expect(200).json(), &before, &after);
            self.audits.fetch_add(1, Relaxed);
        }
    }

    /// Whether enough audits ran for [`Dependencies::check`] to be meaningful.
    pub fn has_run(&self) -> bool {
        self.audits.load(Relaxed) > 10 && !self.known().deleted.is_empty()
    }

    /// Checks all tasks a last time, after the workers have ended.
    pub fn check(&self) {
        let known = self.known().clone();
        let list = self.client.send_until_answered(&list_all());
        let found = check_list(&list.expect(200).json(), &known, &known);
        assert_eq!(
            found, known.live,
            "all acknowledged tasks exist, and no others"
        );
        let audits = self.audits.load(Relaxed);
        let (live, deleted) = (known.live.len(), known.deleted.len());
        let cycles = self.rejected_cycles.load(Relaxed);
        println!(
            "{live} tasks exist, {deleted} were deleted, {cycles} cycles were rejected, {audits} \
             audits found no error"
        );
    }

    fn create(&self, number: u64) {
        let live: Vec<i64> = self.known().live.iter().copied().collect();
        let spread = [number, number * 7 + 1, number * 13 + 5];
        let wanted: BTreeSet<i64> = match live.len() as u64 {
            0 => BTreeSet::new(),
            count => spread.map(|n| live[(n % count) as usize]).into(),
        };
        let request = RequestSpec::new("POST", "/tasks")
            .header("idempotency-key", format!("dependent-{number}"))
            .json(json!({
                "title": format!("dependent-{number}"),
                "category": "testing",
                "description": json!(wanted).to_string(),
                "dependencies": wanted,
                "tags": ["dependent"],
            }));
        let answer = self.client.send_until_answered(&request);
        // One of the dependencies may have been deleted meanwhile.
        if answer.status == 400 {
            return;
        }
        let id = answer.expect(201).json()["id"].as_i64().expect("an id");
        assert!(self.known().live.insert(id), "{id} was created twice");
    }

    fn delete(&self, number: u64) {
        let id = {
            let mut known = self.known();
            let nth = number as usize % known.live.len().max(1);
            let Some(id) = known.live.iter().nth(nth).copied() else {
                return;
            };
            known.live.remove(&id);
            id
        };
        let request = RequestSpec::new("DELETE", format!("/tasks/{id}"));
        let answer = self.client.send_until_answered(&request);
        // An earlier attempt without an answer may have deleted the task.
        assert!([200, 404].contains(&answer.status), "{answer}");
        self.known().deleted.insert(id);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request for all tasks, those of the ring included.
fn list_all() -> RequestSpec {
    RequestSpec::new("GET", "/tasks?tags=dependent,ring&limit=1000")
}

/// Checks a list against what was known before its request was sent and after its answer arrived.
/// Returns the ids of its tasks without those of the ring.
fn check_list(list: &Value, before: &Known, after: &Known) -> BTreeSet<i64> {
    let ids = |value: &Value| -> BTreeSet<i64> {
        serde_json::from_value(value.clone()).expect("a list of ids")
    };
    let rows = list.as_array().expect("a list");
    let (tasks, ring): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["title"] != "ring");
    let tasks: BTreeMap<i64, &Value> = tasks
        .into_iter()
        .map(|row| (row["id"].as_i64().expect("an id"), row))
        .collect();
    let found: BTreeSet<i64> = tasks.keys().copied().collect();
    for (id, row) in &tasks {
        let original: Value = serde_json::from_str(row["description"].as_str().expect("a text"))
            .expect("the original dependencies");
        let expected: BTreeSet<i64> = ids(&original).intersection(&found).copied().collect();
        assert_eq!(
            ids(&row["dependencies"]),
            expected,
            "task {id} depended on {original}"
        );
    }
    let kept: BTreeSet<i64> = before.live.intersection(&after.live).copied().collect();
    let lost: Vec<_> = kept.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged and not found: {lost:?}");
    let restored: Vec<_> = before.deleted.intersection(&found).collect();
    assert!(restored.is_empty(), "deleted and found: {restored:?}");
    let next: BTreeMap<i64, BTreeSet<i64>> = ring
        .into_iter()
        .map(|row| {
            (
                row["id"].as_i64().expect("an id"),
                ids(&row["dependencies"]),
            )
        })
        .collect();
    assert!(!has_cycle(&next), "{next:?}");
    found
}

/// Whether a task depends on itself, directly or indirectly. Removes tasks without dependencies
/// until none is left. The remaining tasks form a cycle.
fn has_cycle(next: &BTreeMap<i64, BTreeSet<i64>>) -> bool {
    let mut left = next.clone();
    loop {
        let free = |id: &i64| left.get(id).is_none_or(BTreeSet::is_empty);
        let freed: Vec<i64> = left.keys().copied().filter(free).collect();
        if freed.is_empty() {
            return !left.is_empty();
        }
        for id in &freed {
            left.remove(id);
        }
        for on in left.values_mut() {
            on.retain(|id| !freed.contains(id));
        }
    }
}

#[test]
fn a_cycle_is_found() {
    let ring = |pairs: &[(i64, &[i64])]| -> BTreeMap<i64, BTreeSet<i64>> {
        let pairs = pairs.iter();
        pairs
            .map(|(id, on)| (*id, on.iter().copied().collect()))
            .collect()
    };
    assert!(!has_cycle(&ring(&[(1, &[2]), (2, &[3]), (3, &[])])));
    assert!(has_cycle(&ring(&[
        (1, &[2]),
        (2, &[3]),
        (3, &[1]),
        (4, &[])
    ])));
    assert!(has_cycle(&ring(&[(1, &[1])])));
}
