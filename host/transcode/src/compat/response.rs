//! Compares the successful responses of one route.

use super::change::{BreakingChange, ChangeKind, Effort, Findings};
use super::direction::Direction;
use super::output::Output;
use super::place::Place;
use crate::operation::Operation;
use contract::Method;

/// Returns the breaking changes in the successful responses of one route. Problems have the same
/// form on every route.
pub(super) fn changes(
    route: &str,
    before: &Operation,
    after: &Operation,
    effort: &mut Effort,
) -> Vec<BreakingChange> {
    let mut findings = Findings::new(route, effort);
    status(&mut findings, before.route().success, after.route().success);
    headers(&mut findings, before, after);
    match (before.reply().body(), after.reply().body()) {
        (Some(before), Some(after)) => {
            Output::compare(&mut findings, Place::Response, before, after);
        }
        (Some(_), None) => findings.add(
            ChangeKind::BodyChanged,
            Place::Response,
            "no longer has a body",
        ),
        (None, Some(_)) => findings.add(
            ChangeKind::BodyChanged,
            Place::Response,
            "now has a body, but had none",
        ),
        (None, None) => {}
    }
    findings.into_changes()
}

fn status(findings: &mut Findings<'_>, before: u16, after: u16) {
    if before != after {
        let detail = format!("now has the status {after} instead of {before}");
        findings.add(ChangeKind::StatusChanged, Place::Response, detail);
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
            "Link (next page)",
            before.next.is_some(),
            after.next.is_some(),
        ),
        (
            "ETag",
            before.etag.is_some(),
            after.etag.is_some() || after.method == Method::Get,
        ),
    ];
    for (header, ..) in given.into_iter().filter(|(_, was, is)| *was && !is) {
        let detail = format!("no longer has the header {header}");
        findings.add(ChangeKind::HeaderRemoved, Place::Response, detail);
    }
}
