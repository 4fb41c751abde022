//! The stage `rehearse`: requests that clients sent lately run on the active and on the new revision, and
//! are undone. What they do differently is shown before the switch.

use std::time::Duration;

use crate::host::Host;
use crate::journal::Journal;
use crate::model::{Order, Rehearsal, RehearsalDifference};
use crate::rejection::Rejection;
use contract::deployment::{EventStatus, Stage};
use request::Revision;
use request::rehearsal::{Difference, Part, Report};

/// Requests that are rehearsed if the order does not say how many.
const REQUESTS: u32 = 200;
/// After this time no further request is rehearsed.
const TIME: Duration = Duration::from_secs(5);

/// What the history says if there was nothing to rehearse.
const NOTHING: &str =
    "nothing was compared: this host has sampled no request of a route of the active logic";

/// Rehearses the deployment. Skips the stage if the order does not want it or the component is the active one,
/// and also if this host has sampled no requests, unless the order is strict. A strict order passes then, too, as
/// a new service has no requests yet, but the history says so.
///
/// # Errors
/// Returns [`Rejection::Trapped`] if the new logic fails where the active one does not. If the order is strict,
/// returns [`Rejection::Differs`] after another difference, and [`Rejection::NotCompared`] if there were sampled
/// requests and none could be compared.
pub(super) async fn rehearse(
    host: &Host,
    journal: &Journal,
    order: &Order,
    new: &Revision,
) -> Result<(), Rejection> {
    let revisions = &host.revisions;
    let most = order.rehearse.unwrap_or(REQUESTS);
    let is_active = new.digest == revisions.active().digest;
    if most == 0 || is_active || !(order.rehearse_strict || revisions.has_samples()) {
        return Ok(());
    }
    let rehearsed = async {
        match revisions.rehearse(new, most as usize, TIME).await {
            Some(report) => judge(journal, order, report),
            None => {
                let nothing = Some(NOTHING.to_owned());
                journal.note(Stage::Rehearse, EventStatus::Noted, nothing);
                Ok(())
            }
        }
    };
    journal.stage(Stage::Rehearse, rehearsed).await
}

fn judge(journal: &Journal, order: &Order, report: Report) -> Result<(), Rejection> {
    let (compared, trapped, different) = (report.compared, report.trapped, report.different);
    let sampled = requests(compared);
    let rehearsal = rehearsal(report);
    let first = rehearsal.differences.first();
    let first = first.map_or_else(String::new, |first| first.summary.clone());
    let words = in_words(&rehearsal);
    journal.note_rehearsal(words.clone(), rehearsal);
    if trapped > 0 {
        return Err(Rejection::Trapped(format!(
            "the new logic fails on {trapped} of {sampled} on which the active logic does not fail: {first}"
        )));
    }
    if !order.rehearse_strict {
        return Ok(());
    }
    if compared == 0 {
        return Err(Rejection::NotCompared(format!(
            "a strict rehearsal has to compare at least one request: {words}"
        )));
    }
    if different > 0 {
        return Err(Rejection::Differs(format!(
            "{different} of {sampled} end differently, which a strict rehearsal does not accept: {first}"
        )));
    }
    Ok(())
}

fn requests(count: u64) -> String {
    match count {
        1 => "1 sampled request".to_owned(),
        count => format!("{count} sampled requests"),
    }
}

fn in_words(rehearsal: &Rehearsal) -> String {
    let Rehearsal {
        compared,
        different,
        skipped,
        skipped_because,
        ..
    } = rehearsal;
    let sampled = requests(*compared);
    let mut words = match (compared, different) {
        (0, _) => "no sampled request was compared".to_owned(),
        (1, 0) => format!("{sampled} ends as before"),
        (_, 0) => format!("{sampled} end as before"),
        (_, 1) => format!("1 of {sampled} ends differently"),
        (_, different) => format!("{different} of {sampled} end differently"),
    };
    if let Some(because) = skipped_because {
        let verb = match skipped {
            1 => "was",
            _ => "were",
        };
        words += &format!("; {skipped} {verb} left out: {because}");
    }
    words
}

fn rehearsal(report: Report) -> Rehearsal {
    let differences = report.differences.into_iter();
    Rehearsal {
        compared: report.compared,
        different: report.different,
        skipped: report.skipped,
        skipped_because: report.skipped_because,
        differences: differences
            .map(|difference| RehearsalDifference {
                summary: summary(&difference),
                route: difference.route,
                part: difference.part.as_str().to_owned(),
                place: difference.place,
                detail: difference.detail,
                count: difference.count,
                compared: difference.compared,
                request_id: difference.request_id,
                reason: difference.reason,
            })
            .collect(),
    }
}

/// A difference in a sentence, such as "PATCH /tasks/{id}: 3 of 40 answer 422 invalid-request now, was 200".
fn summary(difference: &Difference) -> String {
    let Difference {
        route,
        part,
        place,
        detail,
        count,
        compared,
        request_id,
        ..
    } = difference;
    let verb = |one: &'static str, several: &'static str| match count {
        1 => one,
        _ => several,
    };
    let whole = |place: &str| match place {
        "" => String::new(),
        place => format!(" at {place}"),
    };
    let what = match part {
        Part::Trap => format!("{} with {detail}", verb("fails", "fail")),
        Part::Status => format!("{} {detail}", verb("answers", "answer")),
        Part::Body => format!(
            "{} in the body{}: {detail}",
            verb("differs", "differ"),
            whole(place)
        ),
        Part::Header => format!(
            "{} in the header{}: {detail}",
            verb("differs", "differ"),
            whole(place)
        ),
        Part::Events => format!(
            "{} in the events{}: {detail}",
            verb("differs", "differ"),
            whole(place)
        ),
        Part::Rows => format!(
            "{} in the changed rows, {place}: {detail}",
            verb("differs", "differ")
        ),
    };
    format!("{route}: {count} of {compared} {what} (request {request_id})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(part: Part, place: &str, detail: &str, count: u64) -> Difference {
        Difference {
            route: "PATCH /tasks/{id}".to_owned(),
            part,
            place: place.to_owned(),
            detail: detail.to_owned(),
            count,
            compared: 40,
            request_id: "7".to_owned(),
            reason: None,
        }
    }

    #[test]
    fn a_difference_is_a_sentence_with_route_count_and_example() {
        for (part, place, detail, count, expected) in [
            (
                Part::Status,
                "",
                "422 invalid-request now, was 200",
                3,
                "3 of 40 answer 422 invalid-request now, was 200 (request 7)",
            ),
            (
                Part::Trap,
                "",
                "500 logic-trapped now, was 200",
                1,
                "1 of 40 fails with 500 logic-trapped now, was 200 (request 7)",
            ),
            (
                Part::Body,
                "/*/sum",
                "1.25 became 1.3",
                2,
                "2 of 40 differ in the body at /*/sum: 1.25 became 1.3 (request 7)",
            ),
            (
                Part::Rows,
                "update tasks",
                "1 became 0",
                1,
                "1 of 40 differs in the changed rows, update tasks: 1 became 0 (request 7)",
            ),
        ] {
            let difference = difference(part, place, detail, count);
            assert_eq!(
                summary(&difference),
                format!("PATCH /tasks/{{id}}: {expected}")
            );
        }
    }

    #[test]
    fn a_rehearsal_says_what_it_compared_and_what_it_left_out() {
        let words = |compared, different, skipped| {
            in_words(&Rehearsal {
                compared,
                different,
                skipped,
                skipped_because: (skipped > 0).then(|| "the host was busy".to_owned()),
                differences: Vec::new(),
            })
        };
        assert_eq!(words(200, 0, 0), "200 sampled requests end as before");
        assert_eq!(
            words(200, 1, 0),
            "1 of 200 sampled requests ends differently"
        );
        assert_eq!(
            words(0, 0, 3),
            "no sampled request was compared; 3 were left out: the host was busy"
        );
        assert_eq!(
            words(1, 0, 1),
            "1 sampled request ends as before; 1 was left out: the host was busy"
        );
    }
}
