//! Tasks that wait for each other, come and go. Each says in its description what it waited for at
//! first: at any moment it waits for exactly those of them that are still there.
//!
//! Beside them a ring whose tasks are made to wait for each other at the same time: whoever would
//! close a circle is refused, on whichever host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::client::{Ask, Client, Outcome};

/// How many tasks there are of which none is deleted yet, before some are.
const CROWD: usize = 8;
const RING: usize = 4;

pub struct Web<'a> {
    client: &'a Client<'a>,
    next: AtomicU64,
    ring: Vec<i64>,
    known: Mutex<Known>,
    audits: AtomicU64,
    circles: AtomicU64,
}

/// What was acknowledged.
#[derive(Default, Clone)]
struct Known {
    /// Made, and nobody has begun to delete them.
    live: BTreeSet<i64>,
    /// Deleted.
    gone: BTreeSet<i64>,
}

impl<'a> Web<'a> {
    pub fn new(client: &'a Client<'a>) -> Self {
        let ring = (0..RING).map(|number| {
            let ask = Ask::new("POST", "/tasks")
                .header("idempotency-key", format!("ring-{number}"))
                .json(json!({"title": "ring", "category": "testing", "tags": ["ring"]}));
            let made = client.insist(&ask).expect(201).json();
            made["id"].as_i64().expect("an id")
        });
        Self {
            client,
            next: AtomicU64::new(1),
            ring: ring.collect(),
            known: Mutex::default(),
            audits: AtomicU64::new(0),
            circles: AtomicU64::new(0),
        }
    }

    /// Makes tasks that wait for others, and deletes others, until it is over.
    pub fn weave(&self, over: &AtomicBool) {
        while !over.load(Relaxed) {
            let number = self.next.fetch_add(1, Relaxed);
            let crowded = self.known().live.len() >= CROWD;
            match crowded && number.is_multiple_of(2) {
                true => self.delete(number),
                false => self.make(number),
            }
        }
    }

    /// Makes tasks of the ring wait for each other until it is over.
    pub fn turn(&self, over: &AtomicBool) {
        for number in 0.. {
            if over.load(Relaxed) {
                break;
            }
            let (task, other) = (number % RING, (number / 3) % RING);
            let on = match number % 5 {
                0 => json!([]),
                _ => json!([self.ring[other]]),
            };
            let ask = Ask::new("PUT", format!("/tasks/{}", self.ring[task]))
                .json(json!({"dependencies": on}));
            if let Outcome::Answered(answer) = self.client.once(&ask) {
                assert!([200, 409].contains(&answer.status), "{answer}");
                let refused = u64::from(answer.status == 409);
                self.circles.fetch_add(refused, Relaxed);
            }
        }
    }

    /// Looks at all of it until it is over.
    pub fn audit(&self, over: &AtomicBool) {
        while !over.load(Relaxed) {
            let before = self.known().clone();
            let ask = Ask::new("GET", "/tasks?tags=web,ring&limit=1000");
            let Outcome::Answered(answer) = self.client.once(&ask) else {
                continue;
            };
            let after = self.known().clone();
            compare(&answer.expect(200).json(), &before, &after);
            self.audits.fetch_add(1, Relaxed);
        }
    }

    /// Whether enough was looked at for a check to mean something.
    pub fn has_run(&self) -> bool {
        self.audits.load(Relaxed) > 10 && !self.known().gone.is_empty()
    }

    /// Looks a last time, when nobody is at work.
    pub fn check(&self) {
        let known = self.known().clone();
        let ask = Ask::new("GET", "/tasks?tags=web,ring&limit=1000");
        let list = self.client.insist(&ask).expect(200).json();
        let kept = compare(&list, &known, &known);
        assert_eq!(kept, known.live, "what was acknowledged, and no more");
        let audits = self.audits.load(Relaxed);
        let (live, gone) = (known.live.len(), known.gone.len());
        let circles = self.circles.load(Relaxed);
        println!(
            "{live} tasks wait for what is left of {gone} deleted ones, {circles} circles were \
             refused, {audits} audits found nothing wrong"
        );
    }

    fn make(&self, number: u64) {
        let live: Vec<i64> = self.known().live.iter().copied().collect();
        let spread = [number, number * 7 + 1, number * 13 + 5];
        let wanted: BTreeSet<i64> = match live.len() as u64 {
            0 => BTreeSet::new(),
            count => spread.map(|n| live[(n % count) as usize]).into(),
        };
        let ask = Ask::new("POST", "/tasks")
            .header("idempotency-key", format!("web-{number}"))
            .json(json!({
                "title": format!("web-{number}"),
                "category": "testing",
                "description": json!(wanted).to_string(),
                "dependencies": wanted,
                "tags": ["web"],
            }));
        let answer = self.client.insist(&ask);
        // One of those may be gone by now.
        if answer.status == 400 {
            return;
        }
        let id = answer.expect(201).json()["id"].as_i64().expect("an id");
        assert!(self.known().live.insert(id), "{id} was made twice");
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
        let answer = self
            .client
            .insist(&Ask::new("DELETE", format!("/tasks/{id}")));
        // An attempt that was not answered may have done it.
        assert!([200, 404].contains(&answer.status), "{answer}");
        self.known().gone.insert(id);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds a list against what was known when it was asked for and when it came. Returns the ids of
/// what is in the web.
fn compare(list: &Value, before: &Known, after: &Known) -> BTreeSet<i64> {
    let ids = |value: &Value| -> BTreeSet<i64> {
        serde_json::from_value(value.clone()).expect("a list of ids")
    };
    let rows = list.as_array().expect("a list");
    let (web, ring): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["title"] != "ring");
    let web: BTreeMap<i64, &Value> = web
        .into_iter()
        .map(|row| (row["id"].as_i64().expect("an id"), row))
        .collect();
    let there: BTreeSet<i64> = web.keys().copied().collect();
    for (id, row) in &web {
        let wanted: Value = serde_json::from_str(row["description"].as_str().expect("a text"))
            .expect("what it waited for at first");
        let expected: BTreeSet<i64> = ids(&wanted).intersection(&there).copied().collect();
        assert_eq!(ids(&row["dependencies"]), expected, "task {id} of {wanted}");
    }
    let kept: BTreeSet<i64> = before.live.intersection(&after.live).copied().collect();
    let lost: Vec<_> = kept.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    let back: Vec<_> = before.gone.intersection(&there).collect();
    assert!(back.is_empty(), "deleted and there: {back:?}");
    let next: BTreeMap<i64, BTreeSet<i64>> = ring
        .into_iter()
        .map(|row| {
            (
                row["id"].as_i64().expect("an id"),
                ids(&row["dependencies"]),
            )
        })
        .collect();
    assert!(!has_circle(&next), "{next:?}");
    there
}

/// Whether anything waits for itself: takes away what waits for nothing until nothing is left.
fn has_circle(next: &BTreeMap<i64, BTreeSet<i64>>) -> bool {
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
fn a_circle_is_found() {
    let ring = |pairs: &[(i64, &[i64])]| -> BTreeMap<i64, BTreeSet<i64>> {
        let pairs = pairs.iter();
        pairs
            .map(|(id, on)| (*id, on.iter().copied().collect()))
            .collect()
    };
    assert!(!has_circle(&ring(&[(1, &[2]), (2, &[3]), (3, &[])])));
    assert!(has_circle(&ring(&[
        (1, &[2]),
        (2, &[3]),
        (3, &[1]),
        (4, &[])
    ])));
    assert!(has_circle(&ring(&[(1, &[1])])));
}
