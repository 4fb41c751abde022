//! What a route no longer answers of what it answered.

use super::change::{BreakingChange, ChangeKind, Findings};
use super::direction::Direction;
use super::output::Output;
use super::place::Place;
use crate::operation::Operation;
use contract::Method;

/// The changes in the successful answers of one route. Problems have one form for all.
pub(super) fn changes(route: &str, before: &Operation, after: &Operation) -> Vec<BreakingChange> {
    let mut findings = Findings::new(route);
    status(&mut findings, before.route().success, after.route().success);
    headers(&mut findings, before, after);
    match (before.reply().body(), after.reply().body()) {
        (Some(before), Some(after)) => {
            Output::compare(&mut findings, Place::Answer, before, after);
        }
        (Some(_), None) => findings.add(
            ChangeKind::BodyChanged,
            Place::Answer,
            "has no body any more",
        ),
        (None, Some(_)) => findings.add(
            ChangeKind::BodyChanged,
            Place::Answer,
            "has a body now, and had none",
        ),
        (None, None) => {}
    }
    findings.into_changes()
}

fn status(findings: &mut Findings<'_>, before: u16, after: u16) {
    if before != after {
        let detail = format!("has the status {after} now, and had {before}");
        findings.add(ChangeKind::StatusChanged, Place::Answer, detail);
    }
}

fn headers(findings: &mut Findings<'_>, before: &Operation, after: &Operation) {
    let (before, after) = (before.route(), after.route());
    let given = [
        (
            "Location",
            before.location.is_some(),
            after.location.is_some(),
        ),
        (
            "Link to the next page",
            before.next.is_some(),
            after.next.is_some(),
        ),
        (
            "ETag",
            before.etag.is_some(),
            after.etag.is_some() || after.method == Method::Get,
        ),
    ];
    for (header, _, _) in given.into_iter().filter(|(_, was, is)| *was && !is) {
        let detail = format!("has no {header} any more");
        findings.add(ChangeKind::HeaderRemoved, Place::Answer, detail);
    }
}
