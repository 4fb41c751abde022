//! The stage `rehearse`: requests that clients sent lately run on the active and on the new revision, and
//! are undone. What they do differently is shown before the switch.

use std::time::Duration;

use crate::host::Host;
use crate::journal::Journal;
use crate::model::{Order, Rehearsal, RehearsalDifference};
use crate::rejection::Rejection;
use contract::deployment::Stage;
use request::Revision;
use request::rehearsal::{Difference, Part, Report};

/// Requests that are rehearsed if the order does not say how many.
const REQUESTS: u32 = 200;
/// After this time no further request is rehearsed.
const TIME: Duration = Duration::from_secs(5);

/// Rehearses the deployment. If the order does not want it, or this host has sampled no requests, skips the
/// stage.
///
/// # Errors
/// Returns [`Rejection::Trapped`] if the new logic fails where the active one does not, and
/// [`Rejection::Differs`] if a strict order meets another difference.
pub(super) async fn rehearse(
    host: &Host,
    journal: &Journal,
    order: &Order,
    new: &Revision,
) -> Result<(), Rejection> {
    let revisions = &host.revisions;
    let most = order.rehearse.unwrap_or(REQUESTS);
    if most == 0 || !revisions.has_samples() || new.digest == revisions.active().digest {
        return Ok(());
    }
    let rehearsed = async {
        match revisions.rehearse(new, most as usize, TIME).await {
            Some(report) => judge(journal, order, report),
            None => Ok(()),
        }
    };
    journal.stage(Stage::Rehearse, rehearsed).await
}

fn judge(journal: &Journal, order: &Order, report: Report) -> Result<(), Rejection> {
    let (trapped, different) = (report.trapped, report.different);
    let sampled = requests(report.compared);
    let rehearsal = rehearsal(report);
    let first = rehearsal.differences.first();
    let first = first.map_or_else(String::new, |first| first.summary.clone());
    journal.note_rehearsal(in_words(&rehearsal), rehearsal);
    if trapped > 0 {
        return Err(Rejection::Trapped(format!(
            "the new logic fails on {trapped} of {sampled} on which the active logic does not fail: {first}"
        )));
    }
    if different > 0 && order.rehearse_strict {
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
        words += &format!("; {skipped} were left out: {because}");
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
    }
}
