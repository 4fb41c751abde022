//! Which revision a request begins on: the active one, or a candidate that is tried.
//!
//! Both are in one pointer that is replaced as a whole, so a request sees the state before a change
//! or the state after it.
//!
//! In a canary a client always gets the same revision. A hash of the client's name or address gives
//! it a position on a circle, and the candidate serves the arc from zero to its share. While the
//! share grows, clients that had the candidate keep it.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::Revision;
use super::shadow::Shadow;
use telemetry::metrics::Metrics;

/// What tells clients apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client<'a> {
    /// By the value of a header.
    Named(&'a [u8]),
    /// By the address of the connection's other end.
    At(IpAddr),
    /// Nothing is known about it: it gets the active revision.
    Unknown,
}

/// A revision that is tried in addition to the active one.
#[derive(Clone)]
pub struct Candidate {
    /// The revision.
    pub revision: Arc<Revision>,
    /// How it is tried.
    pub trial: Trial,
}

/// How a candidate is tried.
#[derive(Clone)]
pub enum Trial {
    /// It answers a share of the clients.
    Canary(Share),
    /// It answers no clients. Reads that the active revision has answered run again on it.
    Shadow(Arc<Shadow>),
}

/// A share of the clients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    percent: f64,
}

impl Share {
    /// `percent` of the clients: more than 0, less than 100.
    pub fn of_percent(percent: f64) -> Self {
        Share { percent }
    }

    /// The share in percent.
    pub fn percent(self) -> f64 {
        self.percent
    }

    /// Whether a position on the circle belongs to the share.
    fn contains(self, position: u64) -> bool {
        (position as f64) < self.percent / 100.0 * 2f64.powi(64)
    }
}

/// The revisions that serve. Changes are atomic.
pub(super) struct Traffic {
    routing: ArcSwap<Routing>,
    /// Changes after each change of the routing.
    changes: watch::Sender<()>,
    metrics: Arc<Metrics>,
}

/// The revisions that serve at one moment.
struct Routing {
    active: Arc<Revision>,
    candidate: Option<Candidate>,
}

impl Traffic {
    pub(super) fn new(active: Arc<Revision>, metrics: Arc<Metrics>) -> Self {
        report_active(&metrics, &active);
        Traffic {
            routing: ArcSwap::from_pointee(Routing {
                active,
                candidate: None,
            }),
            changes: watch::Sender::new(()),
            metrics,
        }
    }

    /// The revision that a client's request begins on.
    pub(super) fn choose(&self, client: Client<'_>) -> Arc<Revision> {
        self.routing.load().choose(client).clone()
    }

    /// Changes whenever clients may get another revision than before.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(super) fn active(&self) -> Arc<Revision> {
        self.routing.load().active.clone()
    }

    pub(super) fn candidate(&self) -> Option<Candidate> {
        self.routing.load().candidate.clone()
    }

    /// The shadow, if there is one and the revision is the active one.
    pub(super) fn shadow_of(&self, revision: &Arc<Revision>) -> Option<Arc<Shadow>> {
        let routing = self.routing.load();
        match &routing.candidate.as_ref()?.trial {
            Trial::Shadow(shadow) if Arc::ptr_eq(revision, &routing.active) => Some(shadow.clone()),
            Trial::Shadow(_) | Trial::Canary(_) => None,
        }
    }

    /// Makes a revision the active one, removes the candidate, and returns the previous active
    /// revision.
    pub(super) fn switch(&self, active: Arc<Revision>) -> Arc<Revision> {
        report_active(&self.metrics, &active);
        let routing = Routing {
            active,
            candidate: None,
        };
        let before = self.routing.swap(Arc::new(routing)).active.clone();
        self.changes.send_replace(());
        before
    }

    pub(super) fn set_candidate(&self, candidate: Candidate) {
        let revision = &candidate.revision;
        self.metrics
            .revision_loaded(&revision.digest, &revision.stats);
        self.replace_candidate(Some(candidate));
    }

    pub(super) fn remove_candidate(&self) -> Option<Candidate> {
        self.replace_candidate(None)
    }

    fn replace_candidate(&self, candidate: Option<Candidate>) -> Option<Candidate> {
        let before = self.routing.rcu(|routing| Routing {
            active: routing.active.clone(),
            candidate: candidate.clone(),
        });
        self.changes.send_replace(());
        before.candidate.clone()
    }
}

impl Routing {
    fn choose(&self, client: Client<'_>) -> &Arc<Revision> {
        if let Some(Candidate { revision, trial }) = &self.candidate
            && let Trial::Canary(share) = trial
            && position(client, &revision.digest).is_some_and(|at| share.contains(at))
        {
            return revision;
        }
        &self.active
    }
}

fn report_active(metrics: &Metrics, revision: &Revision) {
    metrics.revision_loaded(&revision.digest, &revision.stats);
    metrics.revision_activated(
        &revision.digest,
        &revision.description.name,
        &revision.description.version,
    );
}

/// A client's position on the circle. Each candidate has a circle of its own, so that new logic
/// does not always reach the same clients first.
fn position(client: Client<'_>, digest: &str) -> Option<u64> {
    let hash = Sha256::new().chain_update(digest);
    let hash = match client {
        Client::Named(name) => hash.chain_update(name),
        Client::At(IpAddr::V4(address)) => hash.chain_update(address.octets()),
        Client::At(IpAddr::V6(address)) => hash.chain_update(address.octets()),
        Client::Unknown => return None,
    };
    let hash = hash.finalize();
    let first = hash.first_chunk().expect("SHA-256 has 32 bytes");
    Some(u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: u32 = 10_000;

    fn reached(percent: f64, digest: &str) -> Vec<u32> {
        let share = Share::of_percent(percent);
        let reached = |client: &u32| {
            let name = client.to_string();
            let position = position(Client::Named(name.as_bytes()), digest).unwrap();
            share.contains(position)
        };
        (0..CLIENTS).filter(reached).collect()
    }

    #[test]
    fn a_share_is_about_as_large_as_it_says() {
        for percent in [0.5, 10.0, 50.0, 99.5] {
            let part = reached(percent, "ab").len() as f64 / f64::from(CLIENTS) * 100.0;
            assert!(
                (part - percent).abs() < 1.5,
                "{part} % instead of {percent} %"
            );
        }
    }

    #[test]
    fn a_client_of_the_candidate_keeps_it_while_the_share_grows() {
        let (few, more) = (reached(10.0, "ab"), reached(30.0, "ab"));
        assert!(few.iter().all(|client| more.contains(client)));
        assert!(more.len() > 2 * few.len());
    }

    #[test]
    fn the_next_candidate_reaches_other_clients() {
        let (one, other) = (reached(10.0, "ab"), reached(10.0, "cd"));
        let both = one.iter().filter(|client| other.contains(client)).count();
        assert!(both < one.len() / 4, "{both} of {}", one.len());
    }

    #[test]
    fn an_unknown_client_has_no_position() {
        assert_eq!(position(Client::Unknown, "ab"), None);
    }
}
