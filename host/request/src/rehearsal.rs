//! A rehearsal: sampled requests run on the active and on a new revision, nothing of it is kept, and the
//! answers, the events and the numbers of changed rows are compared. `service/rehearsing` runs it.
//!
//! A difference is named by its place and its kind. Of values only numbers and booleans are shown: a
//! report is stored with its deployment, and texts are what people wrote.

mod observed;
mod places;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;

use crate::Request;
use crate::recording::value::Text;

pub(crate) use self::observed::Observed;

/// Differences that are reported. Further ones are only counted.
const DIFFERENCES: usize = 50;
/// Differences of one request that are reported.
const OF_REQUEST: usize = 8;

/// Examples that are kept of one rehearsal.
const EXAMPLES: usize = 20;
/// Maximum size of an example, as JSON in bytes.
const EXAMPLE_BYTES: usize = 64 << 10;

/// The result of a rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests that ran on both revisions.
    pub compared: u64,
    /// Those of them that ended differently.
    pub different: u64,
    /// Those of them that failed in the new logic and not in the active one.
    pub trapped: u64,
    /// Requests that were not compared.
    pub skipped: u64,
    /// Why the first of them was not.
    pub skipped_because: Option<String>,
    /// Kinds of differences, each with its first example: the failures of the new logic first, then those
    /// that occurred most often.
    pub differences: Vec<Difference>,
}

/// A kind of difference at one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The route's method and template.
    pub route: String,
    /// What differs.
    pub part: Part,
    /// Where: a JSON pointer, in which `*` is any position in an array, or a kind of change and its table.
    /// Empty: the whole.
    pub place: String,
    /// What became of it, in the first example.
    pub detail: String,
    /// How many requests differ so.
    pub count: u64,
    /// How many requests of the route were compared.
    pub compared: u64,
    /// The id of the first of them.
    pub request_id: String,
    /// Why the new logic failed, if it did: with a backtrace after a trap.
    pub reason: Option<String>,
}

/// What can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The new logic failed and the active one did not.
    Trap,
    /// The status, or the code of the problem.
    Status,
    /// The body, as a JSON value.
    Body,
    /// The location or the next page's cursor.
    Header,
    /// The events.
    Events,
    /// How many rows changed.
    Rows,
}

impl Part {
    /// Every part.
    pub const ALL: [Part; 6] = [
        Part::Trap,
        Part::Status,
        Part::Body,
        Part::Header,
        Part::Events,
        Part::Rows,
    ];

    /// Returns the part's name, as JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Trap => "trap",
            Part::Status => "status",
            Part::Body => "body",
            Part::Header => "header",
            Part::Events => "events",
            Part::Rows => "rows",
        }
    }
}

/// The requests of a rehearsal that were the first to differ in some way, with what both revisions did.
/// They hold what clients sent and what the database has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examples {
    /// The digest of the active component.
    pub active: String,
    /// The digest of the component that was rehearsed.
    pub new: String,
    /// At most 20.
    pub examples: Vec<Example>,
}

/// A request that ended differently.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// The route's method and template.
    pub route: String,
    /// The request's id, as the client and the log have it.
    pub request_id: String,
    /// The path.
    pub path: String,
    /// The query string without `?`.
    pub query: Option<String>,
    /// The body's media type.
    pub media_type: Option<String>,
    /// The body.
    pub body: Option<Text>,
    /// What the active revision did: `outcome`, `body`, `header`, `events` and `rows`.
    pub was: Value,
    /// What the new revision did.
    pub now: Value,
}

impl Example {
    /// Makes an example. `None` if it is too large.
    pub(crate) fn of(
        route: String,
        request: &Request,
        was: &Observed,
        now: &Observed,
    ) -> Option<Self> {
        let example = Example {
            route,
            request_id: request.id.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            media_type: request.media_type.clone(),
            body: (!request.body.is_empty()).then(|| Text::of(&request.body)),
            was: was.to_value(),
            now: now.to_value(),
        };
        let size = serde_json::to_vec(&example).map_or(usize::MAX, |text| text.len());
        (size <= EXAMPLE_BYTES).then_some(example)
    }
}

/// A difference between two runs of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) part: Part,
    /// Where, to the position.
    pub(crate) place: String,
    pub(crate) detail: String,
    pub(crate) reason: Option<String>,
}

impl Found {
    /// The new revision does not have the route.
    pub(crate) fn no_route() -> Self {
        Found {
            part: Part::Status,
            place: String::new(),
            detail: "no more: the route is gone".to_owned(),
            reason: None,
        }
    }

    /// Whether another place is this one, or within it.
    fn covers(&self, other: &Found) -> bool {
        let rest = other.place.strip_prefix(&self.place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Collects the result of a rehearsal.
#[derive(Default)]
pub(crate) struct Tally {
    report: Report,
    /// Compared requests, by route.
    compared: HashMap<String, u64>,
    /// By route, part and place.
    known: BTreeMap<(String, Part, String), Difference>,
    examples: Vec<Example>,
}

impl Tally {
    /// Adds a request that ran on both revisions. Returns whether it is the first with some difference.
    pub(crate) fn add(&mut self, route: &str, request_id: &str, found: Vec<Found>) -> bool {
        let known = self.known.len();
        self.count(route, request_id, found);
        self.known.len() > known
    }

    /// Adds an example, unless there are too many.
    pub(crate) fn keep(&mut self, example: Option<Example>) {
        let room = EXAMPLES - self.examples.len();
        self.examples.extend(example.into_iter().take(room));
    }

    fn count(&mut self, route: &str, request_id: &str, found: Vec<Found>) {
        self.report.compared += 1;
        *self.compared.entry(route.to_owned()).or_default() += 1;
        if found.is_empty() {
            return;
        }
        self.report.different += 1;
        self.report.trapped += u64::from(found.iter().any(|found| found.part == Part::Trap));
        let mut counted = Vec::new();
        for found in found {
            let place = match found.part {
                // Each pair of statuses is a kind of its own.
                Part::Trap | Part::Status => found.detail.clone(),
                _ => any_position(&found.place),
            };
            let key = (route.to_owned(), found.part, place);
            if counted.len() == OF_REQUEST || counted.contains(&key) {
                continue;
            }
            counted.push(key.clone());
            let full = self.known.len() >= DIFFERENCES;
            match self.known.get_mut(&key) {
                Some(known) => known.count += 1,
                None if full => {}
                None => {
                    let difference = Difference {
                        route: route.to_owned(),
                        part: found.part,
                        place: any_position(&found.place),
                        detail: found.detail,
                        count: 1,
                        compared: 0,
                        request_id: request_id.to_owned(),
                        reason: found.reason,
                    };
                    self.known.insert(key, difference);
                }
            }
        }
    }

    /// Adds requests that were not compared.
    pub(crate) fn skip(&mut self, count: usize, because: &str) {
        if count == 0 {
            return;
        }
        self.report.skipped += count as u64;
        let first = &mut self.report.skipped_because;
        first.get_or_insert_with(|| because.to_owned());
    }

    /// The result, and the examples.
    pub(crate) fn report(self) -> (Report, Vec<Example>) {
        let mut differences: Vec<_> = self.known.into_values().collect();
        for difference in &mut differences {
            difference.compared = self.compared[&difference.route];
        }
        differences.sort_by_key(|difference| {
            (
                difference.part != Part::Trap,
                std::cmp::Reverse(difference.count),
            )
        });
        let report = Report {
            differences,
            ..self.report
        };
        (report, self.examples)
    }
}

/// The pointer, with `*` in place of positions in arrays.
fn any_position(pointer: &str) -> String {
    let any = |name| match name {
        "" => "",
        name if name.bytes().all(|digit: u8| digit.is_ascii_digit()) => "*",
        name => name,
    };
    let names: Vec<&str> = pointer.split('/').map(any).collect();
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(part: Part, place: &str, detail: &str) -> Found {
        Found {
            part,
            place: place.to_owned(),
            detail: detail.to_owned(),
            reason: None,
        }
    }

    #[test]
    fn a_report_counts_requests_by_route_and_kind_and_names_the_first() {
        let mut tally = Tally::default();
        tally.add("GET /a", "1", Vec::new());
        let rows = vec![
            found(Part::Body, "/0/sum", "1.25 became 1.3"),
            found(Part::Body, "/1/sum", "1.75 became 1.8"),
        ];
        tally.add("GET /a", "2", rows.clone());
        tally.add("GET /a", "3", rows);
        tally.add(
            "GET /b",
            "4",
            vec![found(Part::Trap, "", "500 logic-trapped now, was 200")],
        );
        tally.skip(2, "the time was over");
        tally.skip(1, "another reason");
        let (report, _) = tally.report();
        assert_eq!(
            (
                report.compared,
                report.different,
                report.trapped,
                report.skipped
            ),
            (4, 3, 1, 3)
        );
        assert_eq!(report.skipped_because.as_deref(), Some("the time was over"));
        let [trap, sum] = &report.differences[..] else {
            panic!("{report:?}")
        };
        assert_eq!((trap.part, &*trap.request_id), (Part::Trap, "4"));
        assert_eq!((&*sum.place, sum.count, sum.compared), ("/*/sum", 2, 3));
        assert_eq!((&*sum.detail, &*sum.request_id), ("1.25 became 1.3", "2"));
    }
}
