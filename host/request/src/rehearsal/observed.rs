//! What can be seen of one run of a request.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::places::differences;
use super::{Found, Part};
use crate::{Answer, Error, Fault};
use contract::Problem;
use storage::{Change, Effects, Event};

/// Maximum size of a body that is compared as a JSON value, in bytes. Of larger ones only the size is
/// compared.
const MAX_BODY: usize = 1 << 20;
/// Maximum length of the reason of a failure, in bytes.
const MAX_REASON: usize = 4000;

/// What can be seen of one run of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Observed {
    /// The status, and the code of a problem.
    outcome: String,
    /// Why the logic failed.
    fault: Option<Fault>,
    body: Value,
    header: Value,
    /// What a success has published.
    events: Value,
    /// How many rows a success has changed, by kind of change and table, such as `update tasks`.
    rows: BTreeMap<String, u64>,
}

impl Observed {
    /// What can be seen of a run with these effects. `None` if its end says more about the host's load than
    /// about the logic.
    pub(crate) fn of(answered: &Result<Answer, Error>, effects: &Effects) -> Option<Self> {
        let (outcome, body) = match answered {
            Ok(answer) => (answer.status.to_string(), body_of(answer)),
            Err(
                Error::Overloaded { .. }
                | Error::Unavailable(_)
                | Error::Storage(_)
                | Error::OutcomeUnknown(_)
                | Error::PreconditionFailed
                | Error::BadHeader { .. }
                | Error::KeyReused,
            ) => return None,
            Err(error) => {
                let outcome = format!("{} {}", error.status(), error.code());
                (outcome, members_of(error))
            }
        };
        Some(Observed {
            outcome,
            fault: match answered {
                Err(Error::Fault(fault)) => Some(fault.clone()),
                _ => None,
            },
            body,
            header: match answered {
                Ok(answer) => json!({"location": answer.location, "next": answer.next}),
                Err(_) => Value::Null,
            },
            events: effects.events.iter().map(event).collect(),
            rows: effects.rows.iter().map(named).collect(),
        })
    }

    /// Everything, as JSON.
    pub(crate) fn to_value(&self) -> Value {
        json!({
            "outcome": self.outcome,
            "body": self.body,
            "header": self.header,
            "events": self.events,
            "rows": self.rows,
        })
    }

    /// Whether the time of the transaction ended the logic.
    pub(crate) fn met_deadline(&self) -> bool {
        matches!(self.fault, Some(Fault::Deadline(_)))
    }

    /// Whether the logic was ended because it took too long.
    pub(crate) fn took_too_long(&self) -> bool {
        matches!(self.fault, Some(Fault::Deadline(_) | Fault::CpuTime(_)))
    }

    /// What differs between this run and one of the new revision. What differs between this run and
    /// `again`, which ran on the same revision, depends on chance and does not count.
    pub(crate) fn compare(&self, new: &Observed, again: Option<&Observed>) -> Vec<Found> {
        let mut found = self.differences(new);
        if let Some(again) = again {
            let chance = self.differences(again);
            found.retain(|found| {
                !chance
                    .iter()
                    .any(|by_chance| found.part == by_chance.part && by_chance.covers(found))
            });
        }
        found
    }

    fn differences(&self, new: &Observed) -> Vec<Found> {
        if self.outcome != new.outcome {
            let trapped = new.fault.is_some() && self.fault.is_none();
            let reason = new.fault.as_ref().map(|fault| {
                let mut reason = fault.to_string();
                reason.truncate(reason.floor_char_boundary(MAX_REASON));
                reason
            });
            return vec![Found {
                part: match trapped {
                    true => Part::Trap,
                    false => Part::Status,
                },
                place: String::new(),
                detail: format!("{} now, was {}", new.outcome, self.outcome),
                reason: reason.filter(|_| trapped),
            }];
        }
        let mut found = Vec::new();
        for (part, active, new) in [
            (Part::Body, &self.body, &new.body),
            (Part::Header, &self.header, &new.header),
            (Part::Events, &self.events, &new.events),
        ] {
            let places = differences(active, new).into_iter();
            found.extend(places.map(|(place, detail)| Found {
                part,
                place,
                detail,
                reason: None,
            }));
        }
        let places: BTreeSet<&String> = self.rows.keys().chain(new.rows.keys()).collect();
        for place in places {
            let [before, now] = [self, new].map(|run| run.rows.get(place).unwrap_or(&0));
            if before != now {
                found.push(Found {
                    part: Part::Rows,
                    place: place.clone(),
                    detail: format!("{before} became {now}"),
                    reason: None,
                });
            }
        }
        found
    }
}

fn named(((change, table), count): (&(Change, String), &u64)) -> (String, u64) {
    (format!("{change} {table}"), *count)
}

fn body_of(answer: &Answer) -> Value {
    let text = answer.body.as_deref().unwrap_or(b"null");
    match text.len() > MAX_BODY {
        true => json!({"size in bytes": text.len()}),
        false => serde_json::from_slice(text).unwrap_or_default(),
    }
}

/// The members of a problem that a client may act on. Title and detail are for people.
fn members_of(error: &Error) -> Value {
    let (errors, extensions) = match error {
        Error::Problem(problem) => {
            let Problem {
                errors, extensions, ..
            } = &**problem;
            (&errors[..], &extensions[..])
        }
        Error::Invalid(errors) => (&errors[..], &[][..]),
        _ => return Value::Null,
    };
    let pointers = errors.iter().map(|error| error.pointer.as_str());
    let mut members = json!({"errors": pointers.collect::<Vec<_>>()});
    for (name, value) in extensions {
        members[name.as_str()] = value.as_str().into();
    }
    members
}

fn event(event: &Event) -> Value {
    let attributes = serde_json::from_str::<Value>(&event.attributes_json());
    json!({
        "kind": event.kind(),
        "subject": event.subject(),
        "attributes": attributes.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(body: &Value) -> Observed {
        let answer = Answer {
            status: 200,
            body: Some(Bytes::from(body.to_string())),
            etag: None,
            location: None,
            next: None,
            replayed: false,
        };
        Observed::of(&Ok(answer), &Effects::default()).expect("it can be compared")
    }

    fn failure(error: Error) -> Observed {
        Observed::of(&Err(error), &Effects::default()).expect("it can be compared")
    }

    #[test]
    fn another_outcome_is_the_only_difference_and_a_new_fault_is_a_trap() {
        let found = answer(&json!(1)).compare(&failure(Fault::Trap("at x".into()).into()), None);
        let [trap] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(trap.part, Part::Trap);
        assert_eq!(trap.detail, "500 logic-trapped now, was 200");
        assert_eq!(trap.reason.as_deref(), Some("the logic trapped: at x"));
        let invalid = failure(Error::Invalid(Vec::new()));
        let found = answer(&json!(1)).compare(&invalid, None);
        assert_eq!(found[0].part, Part::Status);
        assert_eq!(found[0].detail, "422 invalid-request now, was 200");
        // The active revision fails as well: that is no trap of the new one.
        let found = failure(Fault::Memory.into()).compare(&failure(Fault::Handover.into()), None);
        assert_eq!((found[0].part, &found[0].reason), (Part::Status, &None));
        let unavailable = Err(Error::Unavailable(String::new()));
        assert_eq!(Observed::of(&unavailable, &Effects::default()), None);
    }

    #[test]
    fn what_differs_by_chance_does_not_count() {
        let first = answer(&json!({"id": 7, "etag": "a", "title": "t", "tags": [1]}));
        let again = answer(&json!({"id": 8, "etag": "b", "title": "t", "tags": [1]}));
        let same = answer(&json!({"id": 9, "etag": "c", "title": "t", "tags": [1]}));
        assert_eq!(first.compare(&same, Some(&again)), []);
        let other = answer(&json!({"id": 9, "etag": "c", "title": "u", "tags": [1]}));
        let found = first.compare(&other, Some(&again));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "/title");
    }
}
