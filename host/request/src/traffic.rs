//! Which revision a request begins on: the active one, or beside it a candidate that is tried.
//!
//! In a canary a client always gets the same one: its place in a circle is a hash of what names
//! it, and the candidate gets an arc that begins at zero. While the share grows, who had the
//! candidate keeps it.

use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Revision;
use super::shadow::Shadow;

/// What tells clients apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client<'a> {
    /// By a header's value.
    Named(&'a [u8]),
    /// By the address of the connection's other end.
    At(IpAddr),
    /// Nothing is known: it gets the active revision.
    Unknown,
}

/// A revision that is tried beside the active one.
#[derive(Clone)]
pub struct Candidate {
    /// What is tried.
    pub revision: Arc<Revision>,
    /// How.
    pub trial: Trial,
}

/// How a candidate is tried.
#[derive(Clone)]
pub enum Trial {
    /// It answers a share of the clients.
    Canary(Share),
    /// It answers nobody: what the active revision read is read again on it.
    Shadow(Arc<Shadow>),
}

/// A share of the clients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    percent: f64,
}

impl Share {
    /// `percent` of the clients: above 0, below 100.
    pub fn of_percent(percent: f64) -> Self {
        Share { percent }
    }

    /// The share in percent.
    pub fn percent(self) -> f64 {
        self.percent
    }

    /// Whether a place belongs to the share.
    fn reaches(self, place: u64) -> bool {
        (place as f64) < self.percent / 100.0 * 2f64.powi(64)
    }
}

/// Who is answered by what: one value, replaced as a whole.
pub(super) struct Traffic {
    pub(super) active: Arc<Revision>,
    pub(super) candidate: Option<Candidate>,
}

impl Traffic {
    /// The revision that a client's request begins on.
    pub(super) fn choose(&self, client: Client<'_>) -> &Arc<Revision> {
        if let Some(Candidate { revision, trial }) = &self.candidate
            && let Trial::Canary(share) = trial
            && place(client, &revision.digest).is_some_and(|place| share.reaches(place))
        {
            return revision;
        }
        &self.active
    }
}

/// A client's place in the circle. Every candidate has a circle of its own, so that new logic
/// does not always meet the same clients first.
fn place(client: Client<'_>, digest: &str) -> Option<u64> {
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
            let place = place(Client::Named(name.as_bytes()), digest).unwrap();
            share.reaches(place)
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
    fn who_has_the_candidate_keeps_it_while_the_share_grows() {
        let (few, more) = (reached(10.0, "ab"), reached(30.0, "ab"));
        assert!(few.iter().all(|client| more.contains(client)));
        assert!(more.len() > 2 * few.len());
    }

    #[test]
    fn the_next_candidate_meets_other_clients() {
        let (one, other) = (reached(10.0, "ab"), reached(10.0, "cd"));
        let both = one.iter().filter(|client| other.contains(client)).count();
        assert!(both < one.len() / 4, "{both} of {}", one.len());
    }

    #[test]
    fn who_cannot_be_told_apart_has_no_place() {
        assert_eq!(place(Client::Unknown, "ab"), None);
    }
}
