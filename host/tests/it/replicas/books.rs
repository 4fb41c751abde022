//! Double entry: every transfer is two tasks that come together, of one amount and on two sides.
//! Whoever looks, at whatever moment, finds both sides equal.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::client::{Ask, Client, Outcome};

/// What the sides are told apart by.
const SIDES: [&str; 2] = ["bugfix", "feature"];
const PAGE: usize = 1000;

pub struct Books<'a> {
    client: &'a Client<'a>,
    next: AtomicU64,
    /// The acknowledged transfers: the ids of both sides.
    acknowledged: Mutex<BTreeMap<String, [i64; 2]>>,
    audits: AtomicU64,
}

impl<'a> Books<'a> {
    pub fn new(client: &'a Client<'a>) -> Self {
        Self {
            client,
            next: AtomicU64::new(1),
            acknowledged: Mutex::default(),
            audits: AtomicU64::new(0),
        }
    }

    /// Makes transfers until it is over. Each is tried until it is acknowledged.
    pub fn transfer(&self, over: &AtomicBool) {
        while !over.load(Relaxed) {
            let number = self.next.fetch_add(1, Relaxed);
            let name = format!("transfer-{number}");
            let side = |category: &str| {
                json!({
                    "title": name,
                    "category": category,
                    "estimated_hours": number % 50,
                    "tags": ["books"],
                })
            };
            let ask = Ask::new("POST", "/tasks/bulk")
                .header("idempotency-key", name.as_str())
                .json(SIDES.map(side).into());
            let answer = self.client.insist(&ask).expect(200).json();
            let ids = serde_json::from_value(answer["task_ids"].clone()).expect("two ids");
            let mut acknowledged = self.acknowledged.lock().expect("no worker panics");
            acknowledged.insert(name, ids);
        }
    }

    /// Compares the sides until it is over.
    pub fn audit(&self, over: &AtomicBool) {
        while !over.load(Relaxed) {
            let ask = Ask::new("GET", "/tasks/analytics/productivity");
            let Outcome::Answered(answer) = self.client.once(&ask) else {
                continue;
            };
            let figures = &answer.expect(200).json()["category_performance"];
            let [one, other] = SIDES.map(|side| &figures[side]);
            assert_eq!(one, other, "{figures}");
            self.audits.fetch_add(1, Relaxed);
        }
    }

    /// Whether enough was looked at for a check to mean something.
    pub fn has_run(&self) -> bool {
        self.audits.load(Relaxed) > 10
    }

    /// Finds each acknowledged transfer whole and once, and nothing else.
    pub fn check(&self) {
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for offset in (0..).step_by(PAGE) {
            let target = format!("/tasks?tags=books&order=asc&limit={PAGE}&offset={offset}");
            let page = self.client.insist(&Ask::new("GET", target)).expect(200);
            let page = page.json();
            let page = page.as_array().expect("a list");
            for entry in page {
                let name = entry["title"].as_str().expect("a title").to_owned();
                let id = entry["id"].as_i64().expect("an id");
                found.entry(name).or_default().push(id);
            }
            if page.len() < PAGE {
                break;
            }
        }
        let acknowledged = self.acknowledged.lock();
        let acknowledged = acknowledged.unwrap_or_else(PoisonError::into_inner);
        let mut expected = BTreeMap::new();
        for (name, ids) in &*acknowledged {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            expected.insert(name.clone(), ids);
        }
        found.values_mut().for_each(|ids| ids.sort_unstable());
        assert_eq!(found, expected);
        let audits = self.audits.load(Relaxed);
        let count = expected.len();
        println!("{count} transfers are there once, {audits} audits found the sides equal");
    }
}
