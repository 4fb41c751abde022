//! A sample of recent requests to each route, with which a deployment is rehearsed
//! ([`rehearsal`](crate::rehearsal)): their arguments only, also those of writes.
//!
//! The first requests to a route are all taken. Once a route has its share, one of many takes the place
//! of a random earlier one: so the sample follows what clients send now. A request that is not taken
//! costs one atomic addition.
//!
//! Where recordings are kept, samples are kept, too (`samples/stored.rs`): they are back after a restart.

pub(crate) mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::SystemTime;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{Conditions, Request};
use contract::{Method, Route, RouteIndex};

/// Requests that are kept of one route.
const OF_ROUTE: usize = 64;
/// One of so many requests is taken when a route has its share: a power of two.
const ONE_OF: u32 = 64;
/// Maximum memory of all samples, in bytes.
const BYTES: usize = 4 << 20;
/// Maximum memory of one sample, in bytes. Larger requests are not taken.
const BYTES_OF_ONE: usize = 64 << 10;
/// Routes that are counted on their own. Further ones share a counter.
const COUNTERS: usize = 256;

/// The sampled requests of one process.
pub(crate) struct Samples {
    /// How many requests each route has had since the last switch, modulo 2^32.
    counters: Box<[AtomicU32]>,
    kept: Mutex<Kept>,
    /// The memory that they may take, in bytes.
    limit_bytes: usize,
}

/// A request that was sampled. It has no conditions and no idempotency key.
pub(crate) struct Sample {
    pub(crate) method: Method,
    /// The route's path template.
    pub(crate) path: String,
    pub(crate) request: Request,
    taken_at: SystemTime,
    bytes: usize,
}

#[derive(Default)]
struct Kept {
    routes: BTreeMap<(String, &'static str), Vec<Arc<Sample>>>,
    bytes: usize,
    /// How many samples were added so far.
    added: u64,
}

impl Samples {
    /// Keeps samples in so much memory, but at most in 4 MiB.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Samples {
            counters: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect(),
            kept: Mutex::default(),
            limit_bytes: limit_bytes.min(BYTES),
        }
    }

    /// Returns the memory that the samples may take, in bytes.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Returns the memory that the samples take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.lock().bytes
    }

    /// Takes a request, if it is its turn.
    pub(crate) fn offer(&self, index: RouteIndex, route: &Route, request: &Request) {
        let number = self.counters[index.get() % COUNTERS].fetch_add(1, Relaxed);
        let chance = scramble(number);
        // The lower bits choose whose place it takes.
        if number as usize >= OF_ROUTE && chance >> 16 & (ONE_OF - 1) != 0 {
            return;
        }
        self.take(chance as usize, route, request);
    }

    /// Begins to take every request of a route again: another revision may have other routes.
    pub(crate) fn restart(&self) {
        for counter in &self.counters {
            counter.store(0, Relaxed);
        }
    }

    fn take(&self, chance: usize, route: &Route, request: &Request) {
        let mut request = Request {
            conditions: Conditions::default(),
            idempotency_key: None,
            dry_run: false,
            ..request.clone()
        };
        let bytes = size_of::<Sample>() + request.memory_bytes();
        if !self.takes(bytes) {
            return;
        }
        // It may be a part of a larger buffer.
        request.body = Bytes::copy_from_slice(&request.body);
        let sample = Sample {
            method: route.method,
            path: route.path.clone(),
            request,
            taken_at: SystemTime::now(),
            bytes,
        };
        self.add(chance, sample);
    }

    /// Whether a sample is small enough.
    fn takes(&self, bytes: usize) -> bool {
        bytes <= BYTES_OF_ONE.min(self.limit_bytes / 4)
    }

    fn add(&self, chance: usize, sample: Sample) {
        let sample = Arc::new(sample);
        let bytes = sample.bytes;
        let mut kept = self.kept.lock();
        kept.added += 1;
        let key = (sample.path.clone(), sample.method.as_str());
        let of_route = kept.routes.entry(key).or_default();
        let replaced = match of_route.len() < OF_ROUTE {
            true => {
                of_route.push(sample);
                0
            }
            false => std::mem::replace(&mut of_route[chance % OF_ROUTE], sample).bytes,
        };
        kept.bytes = kept.bytes + bytes - replaced;
        while kept.bytes > self.limit_bytes {
            kept.remove_one(chance);
        }
    }

    /// Returns how many samples were added so far: a number that changes with the samples.
    pub(crate) fn added(&self) -> u64 {
        self.kept.lock().added
    }

    /// Returns at most `most` samples, evenly from all routes.
    pub(crate) fn pick(&self, most: usize) -> Vec<Arc<Sample>> {
        let kept = self.kept.lock();
        let rounds = (0..OF_ROUTE).flat_map(|round| {
            let routes = kept.routes.values();
            routes.filter_map(move |samples| samples.iter().rev().nth(round).cloned())
        });
        rounds.take(most).collect()
    }
}

impl Kept {
    /// Removes a sample of the route whose samples take the most memory.
    fn remove_one(&mut self, chance: usize) {
        let bytes_of = |samples: &Vec<Arc<Sample>>| -> usize {
            samples.iter().map(|sample| sample.bytes).sum()
        };
        if let Some(largest) = self.routes.values_mut().max_by_key(|list| bytes_of(list)) {
            let removed = largest.swap_remove(chance % largest.len().max(1));
            self.bytes -= removed.bytes;
        }
    }
}

/// Spreads consecutive numbers over all values, so that the sample does not follow a period of the
/// traffic (the finalizer of MurmurHash3).
fn scramble(mut number: u32) -> u32 {
    number ^= number >> 16;
    number = number.wrapping_mul(0x85eb_ca6b);
    number ^= number >> 13;
    number = number.wrapping_mul(0xc2b2_ae35);
    number ^ number >> 16
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use contract::Access;

    pub(crate) fn route(path: &str) -> Route {
        Route {
            method: Method::Get,
            path: path.to_owned(),
            operation: String::new(),
            access: Access::Read,
            success: 200,
            location: None,
            body: None,
            etag: None,
            next: None,
        }
    }

    pub(crate) fn request(id: usize, body_bytes: usize) -> Request {
        Request {
            id: id.to_string(),
            trace_id: String::new(),
            path: String::new(),
            parameters: Vec::new(),
            query: None,
            media_type: None,
            body: Bytes::from(vec![b' '; body_bytes]),
            conditions: Conditions::default(),
            idempotency_key: Some("key".to_owned()),
            dry_run: true,
            strict: true,
        }
    }

    fn ids(samples: &[Arc<Sample>]) -> Vec<usize> {
        let ids = samples.iter();
        ids.map(|sample| sample.request.id.parse().expect("a number"))
            .collect()
    }

    #[test]
    fn the_first_requests_are_all_taken_and_later_ones_replace_them_at_random() {
        let samples = Samples::new(BYTES);
        let (busy, quiet) = (route("/busy"), route("/quiet"));
        for id in 0..100_000 {
            samples.offer(RouteIndex::new(0), &busy, &request(id, 0));
        }
        samples.offer(RouteIndex::new(1), &quiet, &request(7, 0));
        let picked = samples.pick(1000);
        assert_eq!(picked.len(), OF_ROUTE + 1);
        // Evenly: the quiet route has its turn in the first round.
        assert_eq!(picked[1].path, "/quiet");
        assert!(picked[1].request.strict && !picked[1].request.dry_run);
        assert_eq!(picked[1].request.idempotency_key, None);
        let mut ids = ids(&picked);
        ids.sort_unstable();
        // A mean age of 64 times 64 requests: nearly all are of the last fifth.
        let recent = ids.iter().filter(|id| **id >= 80_000).count();
        assert!((50..=OF_ROUTE).contains(&recent), "{ids:?}");
        ids.dedup();
        assert_eq!(ids.len(), OF_ROUTE + 1);
        assert_eq!(samples.pick(3).len(), 3);
    }

    #[test]
    fn memory_is_bounded_and_a_route_with_large_requests_pays_for_it() {
        let samples = Samples::new(BYTES);
        let small = route("/small");
        samples.offer(RouteIndex::new(0), &small, &request(1, 10));
        samples.offer(RouteIndex::new(0), &small, &request(2, BYTES_OF_ONE));
        for number in 0..4 {
            let large = route(&format!("/large/{number}"));
            for id in 0..OF_ROUTE {
                let request = request(id, BYTES_OF_ONE / 2);
                samples.offer(RouteIndex::new(1 + number), &large, &request);
            }
        }
        let kept = samples.kept.lock();
        assert!(
            kept.bytes <= BYTES && kept.bytes > BYTES / 2,
            "{}",
            kept.bytes
        );
        let counted = kept.routes.values().flatten().map(|sample| sample.bytes);
        assert_eq!(kept.bytes, counted.sum::<usize>());
        let of_small = &kept.routes[&("/small".to_owned(), "GET")];
        assert_eq!(ids(of_small), [1]);
    }

    #[test]
    fn after_a_switch_every_route_is_sampled_from_its_first_request_again() {
        let samples = Samples::new(BYTES);
        let earlier = route("/earlier");
        for id in 0..1000 {
            samples.offer(RouteIndex::new(0), &earlier, &request(id, 0));
        }
        samples.restart();
        samples.offer(RouteIndex::new(0), &route("/new"), &request(1, 0));
        assert_eq!(samples.pick(2)[1].path, "/new");
    }
}
