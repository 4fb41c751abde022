//! Failed requests in groups: those of one route that failed in the same way at the same place.
//!
//! The list of failures and the recordings keep the last ones only. Groups count all of them, since the
//! host started. Their number is bounded, too: a new group replaces the one that has not occurred for
//! the longest time, and the failures of the replaced group are counted together with those of others.

use std::collections::HashMap;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Ended;
use super::place::place;

/// How many groups are kept.
const KEPT: usize = 200;

/// The longest first line of a reason, in characters.
const LONGEST_REASON: usize = 300;

/// The failed requests of this host since it started, in groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailureGroups {
    /// The groups, the one that occurred last first.
    pub groups: Vec<FailureGroup>,
    /// Failed requests of groups that were replaced by later ones.
    pub others: u64,
}

/// Failed requests of one route that failed in the same way at the same place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailureGroup {
    /// Their method.
    pub method: String,
    /// The route's template. Empty if no route matched.
    pub route: String,
    /// The problem's code. Empty if the answer had none.
    pub code: String,
    /// Where the logic trapped: its function, with the source line if it is known. Null if the
    /// failure has no place.
    pub place: Option<String>,
    /// How many there were.
    pub count: u64,
    /// When the first one was answered: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub first_at: String,
    /// When the last one was answered: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub last_at: String,
    /// The last one's status.
    pub status: u16,
    /// The last one's reason, its first line: for operators. The client did not receive it.
    pub reason: String,
    /// The first 12 hex digits of the digest of the last one's revision.
    pub revision: String,
    /// The last one's request id, as the client and the log have it.
    pub request_id: String,
    /// Whether a recording of the last one is kept, for `task-host replay`.
    pub recorded: bool,
}

/// What the requests of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    method: &'static str,
    route: String,
    code: String,
    place: Option<String>,
}

struct Group {
    count: u64,
    first: SystemTime,
    last: SystemTime,
    /// Rises with each failure, so that a clock that was set back does not change the order.
    turn: u64,
    status: u16,
    reason: String,
    revision: String,
    request_id: String,
}

/// Counts failed requests.
#[derive(Default)]
pub(super) struct Groups {
    groups: HashMap<Key, Group>,
    turn: u64,
    others: u64,
}

/// A failed request, ready to be counted. It is made before the lock is taken.
pub(super) struct Failed {
    key: Key,
    at: SystemTime,
    status: u16,
    reason: String,
    revision: String,
    request_id: String,
}

impl Failed {
    pub(super) fn new(at: SystemTime, request: &Ended<'_>) -> Self {
        let (code, reason) = match request.failure {
            Some((code, reason)) => (code.as_str(), reason.as_str()),
            None => ("", ""),
        };
        Failed {
            key: Key {
                method: request.method,
                route: request.route.to_owned(),
                code: code.to_owned(),
                place: place(reason),
            },
            at,
            status: request.status,
            reason: reason
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(LONGEST_REASON)
                .collect(),
            revision: request.revision.to_string(),
            request_id: request.request_id.to_owned(),
        }
    }
}

impl Groups {
    pub(super) fn add(&mut self, failed: Failed) {
        self.turn += 1;
        let turn = self.turn;
        let Failed {
            key,
            at,
            status,
            reason,
            revision,
            request_id,
        } = failed;
        let known = self.groups.get(&key);
        let (count, first) = known.map_or((0, at), |group| (group.count, group.first));
        if known.is_none() && self.groups.len() == KEPT {
            self.forget_one();
        }
        let group = Group {
            count: count + 1,
            first,
            last: at,
            turn,
            status,
            reason,
            revision,
            request_id,
        };
        self.groups.insert(key, group);
    }

    /// Returns the groups, the one that occurred last first. Whoever knows the recordings says which
    /// are recorded.
    pub(super) fn list(&self) -> FailureGroups {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|(_, group)| std::cmp::Reverse(group.turn));
        FailureGroups {
            groups: groups.into_iter().map(shown).collect(),
            others: self.others,
        }
    }

    fn forget_one(&mut self) {
        let oldest = self.groups.iter().min_by_key(|(_, group)| group.turn);
        let oldest = oldest.map(|(key, _)| key.clone());
        if let Some(group) = oldest.and_then(|key| self.groups.remove(&key)) {
            self.others += group.count;
        }
    }
}

fn shown((key, group): (&Key, &Group)) -> FailureGroup {
    let time = |at: SystemTime| {
        jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |at| at.to_string())
    };
    FailureGroup {
        method: key.method.to_owned(),
        route: key.route.clone(),
        code: key.code.clone(),
        place: key.place.clone(),
        count: group.count,
        first_at: time(group.first),
        last_at: time(group.last),
        status: group.status,
        reason: group.reason.clone(),
        revision: group.revision.clone(),
        request_id: group.request_id.clone(),
        recorded: false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn add(groups: &mut Groups, at: u64, route: &str, reason: &str) {
        let failure = ("logic-trapped".to_owned(), reason.to_owned());
        let revision: Arc<str> = "0123456789ab".into();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        let ended = Ended {
            request_id: &format!("{route}-{}", groups.turn),
            method: "GET",
            route,
            revision: &revision,
            status: 500,
            took: Duration::ZERO,
            failure: Some(&failure),
            kept: false,
        };
        groups.add(Failed::new(at, &ended));
    }

    #[test]
    fn failures_of_one_route_and_place_are_one_group_with_the_last_as_its_example() {
        let mut groups = Groups::default();
        let trap = "the logic trapped: unreachable\n  0: 0x1f - tasks!tasks::list";
        for at in 0..801 {
            add(&mut groups, at, "/x", trap);
        }
        let elsewhere = "the logic trapped: unreachable\n  0: 0x2f - tasks!tasks::get";
        add(&mut groups, 900, "/x", elsewhere);
        add(&mut groups, 901, "/y", trap);
        let list = groups.list();
        assert_eq!(list.others, 0);
        let facts: Vec<_> = list
            .groups
            .iter()
            .map(|of| (of.route.as_str(), of.place.as_deref(), of.count))
            .collect();
        assert_eq!(
            facts,
            [
                ("/y", Some("tasks::list"), 1),
                ("/x", Some("tasks::get"), 1),
                ("/x", Some("tasks::list"), 801),
            ]
        );
        let first = &list.groups[2];
        assert_eq!(first.first_at, "1970-01-01T00:00:00Z");
        assert_eq!(first.last_at, "1970-01-01T00:13:20Z");
        assert_eq!(first.request_id, "/x-800");
        assert_eq!(first.reason, "the logic trapped: unreachable");
    }

    #[test]
    fn the_number_of_groups_is_bounded_and_no_failure_is_lost_from_the_counts() {
        let mut groups = Groups::default();
        add(&mut groups, 0, "/stays", "");
        add(&mut groups, 0, "/goes", "");
        add(&mut groups, 0, "/goes", "");
        add(&mut groups, 0, "/stays", "");
        for number in 0..KEPT - 1 {
            add(&mut groups, 1, &format!("/{number}"), "");
        }
        let list = groups.list();
        assert_eq!(list.groups.len(), KEPT);
        assert_eq!(list.others, 2);
        let counted: u64 = list.groups.iter().map(|group| group.count).sum();
        assert_eq!(counted + list.others, KEPT as u64 + 3);
        assert!(list.groups.iter().any(|group| group.route == "/stays"));
        assert!(list.groups.iter().all(|group| group.route != "/goes"));
    }
}
