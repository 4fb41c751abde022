//! Double-entry bookkeeping: one request creates the two tasks of a transfer, with the same amount
//! in two categories, the sides. At any time, the totals of both sides are equal.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::client::{Client, Outcome, RequestSpec};

/// The categories of the two sides.
const SIDES: [&str; 2] = ["bugfix", "feature"];
const PAGE: usize = 1000;

pub struct Transfers<'a> {
    client: &'a Client<'a>,
    next: AtomicU64,
    /// The acknowledged transfers: the ids of both tasks, by title.
    acknowledged: Mutex<BTreeMap<String, [i64; 2]>>,
    audits: AtomicU64,
}

impl<'a> Transfers<'a> {
    pub fn new(client: &'a Client<'a>) -> Self {
        Self {
            client,
            next: AtomicU64::new(1),
            acknowledged: Mutex::default(),
            audits: AtomicU64::new(0),
        }
    }

    /// Creates transfers until `stop` is set. Retries each until it is acknowledged.
    pub fn create(&self, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            let number = self.next.fetch_add(1, Relaxed);
            let name = format!("transfer-{number}");
            let side = |category: &str| {
                json!({
                    "title": name,
                    "category": category,
                    "estimated_hours": number % 50,
                    "tags": ["transfers"],
                })
            };
            let request = RequestSpec::new("POST", "/tasks/bulk")
                .header("idempotency-key", name.as_str())
                .json(SIDES.map(side).into());
            let answer = self.client.send_until_answered(&request);
            let answer = answer.expect(200).json();
            let ids = serde_json::from_value(answer["task_ids"].clone()).expect("two ids");
            let mut acknowledged = self.acknowledged.lock().expect("no worker panics");
            acknowledged.insert(name, ids);
        }
    }

    /// Compares the totals of both sides until `stop` is set.
    pub fn audit(&self, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            let request = RequestSpec::new("GET", "/tasks/analytics/productivity");
            let Outcome::Answered(answer) = self.client.try_once(&request) else {
                continue;
            };
            let figures = &answer.expect(200).json()["category_performance"];
            let [one, other] = SIDES.map(|side| &figures[side]);
            assert_eq!(one, other, "{figures}");
            self.audits.fetch_add(1, Relaxed);
        }
    }

    /// Whether enough audits ran for [`Transfers::check`] to be meaningful.
    pub fn has_run(&self) -> bool {
        self.audits.load(Relaxed) > 10
    }

    /// Asserts that each acknowledged transfer exists completely and once, and no other.
    pub fn check(&self) {
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for offset in (0..).step_by(PAGE) {
            let target = format!("/tasks?tags=transfers&order=asc&limit={PAGE}&offset={offset}");
            let request = RequestSpec::new("GET", target);
            let page = self.client.send_until_answered(&request).expect(200);
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
        println!("{count} transfers exist once, {audits} audits found the sides equal");
    }
}
