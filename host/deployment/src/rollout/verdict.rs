//! Whether a new revision fails more often than the one before, or whether that may be chance.
//!
//! A revision is worse if three things hold at a *look*:
//! - its share of failures exceeds that of the other revision by more than the allowed share;
//! - equal revisions would hardly fail so unequally (Fisher's exact test);
//! - a revision within the allowed share would hardly fail so often (exact binomial test).
//!
//! *Hardly* means a probability below the level of the look. Whoever looks again and again finds
//! anything at some time. So there is a first look after a minimum number of requests and then one for
//! each tenth that they grow, and the levels of all looks together are [`FALSE_ALARMS`]: the probability
//! that a deployment ever ends for a revision that fails exactly as often as the one before, or no more
//! often than allowed beside one that never fails. That holds if requests fail independently.
//!
//! A revision that was active has proven itself in its own probation. So if it has answered hardly any
//! request, because the host has just started or the canary has nearly all clients, it counts with a
//! minimum of requests, and those that it did not answer count as successes. Beside a canary it soon
//! answers more, so the minimum is small ([`KNOWN_GOOD_CANARY`]). In a probation it answers none, and a
//! comparison with few would never be significant ([`KNOWN_GOOD_PROBATION`]). The level does not hold then: it is
//! better to undo a revision that fails as often as one that nobody watched.

use request::Counts;

/// The probability that a deployment ends without a reason.
pub(super) const FALSE_ALARMS: f64 = 0.001;

/// The level of the last look at the end of a probation with fewer requests than the minimum. A quiet
/// service should not keep a revision that fails.
const LAST_LOOK: f64 = 0.05;

/// The minimum number of requests with which the active revision counts beside a canary.
pub(super) const KNOWN_GOOD_CANARY: u64 = 5;

/// The minimum number of requests with which the previous revision counts in a probation: enough to find
/// any share of failures above the one that is allowed.
pub(super) const KNOWN_GOOD_PROBATION: u64 = 200;

/// Judges one revision again and again while it answers requests.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    allowed: f64,
    minimum: u64,
    known_good: u64,
    /// How often it has looked.
    looks: u32,
    /// The number of requests at which it looks next.
    next: u64,
}

impl Judge {
    /// Creates a judge. `allowed`: the share of failures that is allowed on top of the other
    /// revision's. `minimum`: the number of requests at the first look. `known_good`: the minimum number of
    /// requests with which the other revision counts.
    pub(super) fn new(allowed: f64, minimum: u64, known_good: u64) -> Self {
        let minimum = minimum.max(1);
        Self {
            allowed,
            minimum,
            known_good,
            looks: 0,
            next: minimum,
        }
    }

    /// Looks, if it is time to. Returns why the revision fails.
    pub(super) fn look(&mut self, seen: Counts, other: Counts) -> Option<String> {
        let requests = requests(seen);
        if requests < self.next {
            return None;
        }
        self.looks += 1;
        self.next = requests + (requests / 10).max(1);
        // The sum of 1 / k² over all k is π² / 6.
        let looks = f64::from(self.looks);
        let level = FALSE_ALARMS * 6.0 / (std::f64::consts::PI * looks).powi(2);
        self.judge(seen, other, level, level)
    }

    /// Looks for the last time, at the end of a probation. With fewer requests than the minimum, only
    /// the comparison with the other revision counts, at a level of its own.
    pub(super) fn last_look(&mut self, seen: Counts, other: Counts) -> Option<String> {
        match requests(seen) < self.minimum {
            true => self.judge(seen, other, LAST_LOOK, 1.0),
            false => {
                self.next = self.next.min(requests(seen));
                self.look(seen, other)
            }
        }
    }

    /// Returns whether the share of failures is at most the one that is allowed. What exceeds it may
    /// still be chance.
    pub(super) fn is_within_limit(&self, seen: Counts, other: Counts) -> bool {
        share_of(seen.failures, requests(seen)) <= self.limit(other)
    }

    fn limit(&self, other: Counts) -> f64 {
        share_of(other.failures, requests(other)) + self.allowed
    }

    fn judge(
        &self,
        seen: Counts,
        other: Counts,
        level_unequal: f64,
        level_too_many: f64,
    ) -> Option<String> {
        let (failures, all) = (seen.failures, requests(seen));
        if failures == 0 {
            return None;
        }
        let share = share_of(failures, all);
        let limit = self.limit(other);
        let before = requests(other).max(self.known_good);
        let worse = share > limit
            && unequal(failures, all, other.failures, before) <= level_unequal
            && too_many(failures, all, self.allowed) <= level_too_many;
        worse.then(|| {
            format!(
                "{failures} of {all} requests failed ({:.1} %); the limit is {:.1} %",
                share * 100.0,
                limit * 100.0
            )
        })
    }
}

/// A failure is counted before its request: there must not be more failures than requests.
fn requests(counts: Counts) -> u64 {
    counts.requests.max(counts.failures)
}

/// Returns the share of failures. Without requests it is 0.
pub(super) fn share_of(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// Fisher's exact test, one-sided: the probability that of all these failures at least `failures` fall on
/// these `all` requests, if each request fails with the same probability.
fn unequal(failures: u64, all: u64, other_failures: u64, other_all: u64) -> f64 {
    let (failed, total) = (failures + other_failures, all + other_all);
    // The hypergeometric distribution: `failed` of `total` are drawn.
    let first =
        ln_choose(all, failures) + ln_choose(other_all, other_failures) - ln_choose(total, failed);
    let next = |x: u64| {
        let drawn = (all - x) as f64 * (failed - x) as f64;
        drawn / ((x + 1) as f64 * (other_all + x + 1 - failed) as f64)
    };
    tail(first.exp(), failures, all.min(failed), next)
}

/// The probability that at least `failures` of these `all` requests fail, if each fails with this
/// probability.
fn too_many(failures: u64, all: u64, probability: f64) -> f64 {
    if probability <= 0.0 {
        return 0.0;
    }
    if probability >= 1.0 {
        return 1.0;
    }
    let succeeded = (all - failures) as f64;
    let first = ln_choose(all, failures)
        + failures as f64 * probability.ln()
        + succeeded * (1.0 - probability).ln();
    let odds = probability / (1.0 - probability);
    let next = |x: u64| (all - x) as f64 / (x + 1) as f64 * odds;
    tail(first.exp(), failures, all, next)
}

/// Sums a distribution from `from` to `to`. `next(x)` is the ratio of the term after x to that of x.
fn tail(first: f64, from: u64, to: u64, next: impl Fn(u64) -> f64) -> f64 {
    let (mut term, mut sum) = (first, first);
    for x in from..to {
        let ratio = next(x);
        term *= ratio;
        sum += term;
        // The ratios only fall, so the rest is smaller than a geometric series.
        if ratio < 1.0 && term <= sum * 1e-12 * (1.0 - ratio) {
            break;
        }
    }
    sum.min(1.0)
}

/// Returns the logarithm of the number of ways to choose `part` of `whole`.
fn ln_choose(whole: u64, part: u64) -> f64 {
    ln_factorial(whole) - ln_factorial(part) - ln_factorial(whole - part)
}

/// Returns the logarithm of n!, by Stirling's series for large n.
fn ln_factorial(n: u64) -> f64 {
    if n < 32 {
        return (2..=n).map(|factor| (factor as f64).ln()).sum();
    }
    let n = n as f64;
    (n + 0.5) * n.ln() - n + (2.0 * std::f64::consts::PI).ln() / 2.0 + 1.0 / (12.0 * n)
        - 1.0 / (360.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: f64 = 0.05;
    const MINIMUM: u64 = 20;

    fn counts(failures: u64, requests: u64) -> Counts {
        Counts {
            requests,
            failures,
            in_flight: 0,
        }
    }

    fn judge() -> Judge {
        Judge::new(ALLOWED, MINIMUM, KNOWN_GOOD_CANARY)
    }

    fn probation() -> Judge {
        Judge::new(ALLOWED, MINIMUM, KNOWN_GOOD_PROBATION)
    }

    fn look(seen: Counts, other: Counts) -> Option<String> {
        judge().look(seen, other)
    }

    #[test]
    fn a_third_of_failures_is_too_much_as_soon_as_there_are_enough_requests() {
        assert_eq!(look(counts(6, 19), counts(0, 1000)), None);
        assert_eq!(
            look(counts(7, 20), counts(0, 1000)).unwrap(),
            "7 of 20 requests failed (35.0 %); the limit is 5.0 %"
        );
    }

    #[test]
    fn failing_as_often_as_the_revision_before_is_allowed() {
        assert_eq!(look(counts(30, 100), counts(300, 1000)), None);
        assert_eq!(look(counts(36, 100), counts(300, 1000)), None, "chance");
        assert!(look(counts(60, 100), counts(300, 1000)).is_some());
    }

    #[test]
    fn two_failures_of_24_are_chance_beside_a_revision_with_6_percent() {
        assert_eq!(look(counts(2, 24), counts(0, 10)), None);
        assert_eq!(look(counts(4, 24), counts(6, 100)), None);
        assert!(look(counts(24, 24), counts(6, 100)).is_some());
    }

    #[test]
    fn requests_that_succeed_never_fail_a_revision() {
        for requests in [0, 1, 20, 10_000] {
            assert_eq!(look(counts(0, requests), counts(0, 0)), None);
            assert_eq!(
                probation().last_look(counts(0, requests), counts(0, 0)),
                None
            );
        }
    }

    #[test]
    fn a_revision_that_fails_every_request_is_found_without_any_to_compare_with() {
        assert!(look(counts(20, 20), counts(0, 0)).is_some());
        // A failure is counted before its request.
        assert!(look(counts(21, 20), counts(0, 0)).is_some());
        // At the end of a quiet probation, one is enough, unless the one before fails now and then.
        assert!(probation().last_look(counts(1, 1), counts(0, 0)).is_some());
        assert_eq!(probation().last_look(counts(1, 1), counts(60, 1000)), None);
        assert!(
            probation()
                .last_look(counts(2, 2), counts(60, 1000))
                .is_some()
        );
    }

    #[test]
    fn a_probation_finds_a_tenth_of_failures_without_any_to_compare_with() {
        let mut judge = probation();
        let found = (1..=2_000).find(|&requests| {
            let seen = counts(requests / 10, requests);
            judge.look(seen, counts(0, 0)).is_some()
        });
        assert!(found.is_some_and(|requests| requests < 1_000), "{found:?}");
        // As often as is allowed.
        let mut judge = probation();
        let allowed = |requests| judge.look(counts(requests / 20, requests), counts(0, 0));
        assert_eq!((1..=2_000).find_map(allowed), None);
    }

    #[test]
    fn the_tests_have_the_values_of_their_definitions() {
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-9;
        // 1 / C(23, 3), and 3 of 4 cups of tea with milk first.
        assert!(close(unequal(20, 20, 0, 3), 1.0 / 1771.0));
        assert!(close(unequal(3, 4, 1, 4), 17.0 / 70.0));
        assert!(close(unequal(0, 50, 7, 1000), 1.0));
        assert!(close(too_many(3, 3, 0.05), 0.05_f64.powi(3)));
        assert!(close(too_many(1, 10, 0.05), 1.0 - 0.95_f64.powi(10)));
        assert!(close(too_many(1, 2_000_000, 1e-9), 1.998_001_332_6e-3));
        let product: f64 = (1..=40_u32).map(|n| f64::from(n).ln()).sum();
        assert!(close(ln_factorial(40), product));
    }

    /// A small generator of numbers, the same at every run.
    struct Numbers(u64);

    impl Numbers {
        /// Returns a number above 0 and at most 1.
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            ((self.0 >> 11) + 1) as f64 / (1_u64 << 53) as f64
        }

        /// Returns how many requests succeed before the next one fails.
        fn until_failure(&mut self, probability: f64) -> u64 {
            match probability > 0.0 {
                true => (self.next().ln() / (1.0 - probability).ln()) as u64,
                false => u64::MAX,
            }
        }
    }

    /// Failures of a revision that fails with a fixed probability.
    struct Failing {
        probability: f64,
        counts: Counts,
        /// The number of the next request that fails.
        next: u64,
    }

    impl Failing {
        fn new(probability: f64, numbers: &mut Numbers) -> Self {
            Failing {
                probability,
                counts: counts(0, 0),
                next: numbers.until_failure(probability),
            }
        }

        fn answer(&mut self, requests: u64, numbers: &mut Numbers) -> Counts {
            self.counts.requests = requests;
            while self.next < requests {
                self.counts.failures += 1;
                let gap = numbers.until_failure(self.probability);
                self.next = self.next.saturating_add(gap).saturating_add(1);
            }
            self.counts
        }
    }

    /// Returns after how many requests of its own a canary with this share is undone, if it is within
    /// three thousand.
    fn undone(share: f64, before: f64, new: f64, numbers: &mut Numbers) -> Option<u64> {
        let mut judge = judge();
        let (mut old, mut canary) = (Failing::new(before, numbers), Failing::new(new, numbers));
        while judge.next <= 3_000 {
            let requests = judge.next;
            let others = (requests as f64 * (1.0 - share) / share) as u64;
            let seen = canary.answer(requests, numbers);
            if judge.look(seen, old.answer(others, numbers)).is_some() {
                return Some(requests);
            }
        }
        None
    }

    const DEPLOYMENTS: u64 = 1_000;

    #[test]
    fn at_most_one_deployment_in_a_thousand_is_undone_by_chance() {
        let mut numbers = Numbers(0x5eed);
        for share in [0.1, 0.5, 0.9] {
            for (before, new) in [(0.0, 0.05), (0.01, 0.01), (0.06, 0.06), (0.3, 0.3)] {
                let alarms = (0..DEPLOYMENTS)
                    .filter(|_| undone(share, before, new, &mut numbers).is_some())
                    .count();
                println!("share {share}, {before} and {new}: {alarms} of {DEPLOYMENTS}");
                // One is allowed on average. More than five would occur in one of 1,700 such tests.
                assert!(alarms <= 5, "{alarms} at {share}: {before} and {new}");
            }
        }
    }

    #[test]
    fn a_revision_that_is_clearly_worse_is_undone_soon() {
        let mut numbers = Numbers(0x5eed);
        for (before, new, within) in [
            (0.0, 1.0, 20),
            (0.0, 0.5, 40),
            (0.06, 0.5, 70),
            (0.01, 0.2, 300),
        ] {
            let mut found: Vec<u64> = (0..200)
                .map(|_| undone(0.1, before, new, &mut numbers).unwrap_or(u64::MAX))
                .collect();
            found.sort_unstable();
            let (half, most) = (found[100], found[190]);
            assert!(most <= within, "{before} and {new}: {half} and {most}");
        }
    }
}
