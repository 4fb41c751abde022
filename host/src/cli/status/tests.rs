//! What `status` shows, as it looks.

use super::*;
use crate::cli::client::fake::{BEFORE, DIGEST, deployment};
use crate::deployment::model::ShadowSample;

pub(in crate::cli) fn status() -> Status {
    Status {
        active: RevisionStatus {
            digest: BEFORE.to_owned(),
            name: "tasks".to_owned(),
            version: "0.1.0".to_owned(),
            requests: 12_345_678,
            failures: 2,
            in_flight: 12,
        },
        candidate: None,
        candidate_percent: None,
        shadow: None,
        deployment: None,
        kept: Vec::new(),
        warning: None,
        epoch: 3,
        host_version: "0.1.0".to_owned(),
    }
}

#[test]
fn a_host_without_a_deployment_shows_what_is_active() {
    let expected = "
        DIGEST        SERVICE      REQUESTS  FAILED  RUNNING
active  78a6273103d1  tasks 0.1.0  12345678       2       12

no deployment runs
nothing is kept for a rollback
epoch 3, task-host 0.1.0
";
    assert_eq!(format!("\n{}", text(&status())), expected);
}

#[test]
fn a_host_that_fell_back_says_so_and_why() {
    let mut status = status();
    status.warning = Some("the active component 0123 does not load (digest-mismatch)".to_owned());
    let expected = "\nWARNING: this is a fallback: the active component 0123 does not load\n";
    assert!(text(&status).contains(expected), "{}", text(&status));
}

#[test]
fn a_candidate_is_shown_beside_it_with_its_share() {
    let mut status = status();
    status.candidate = Some(RevisionStatus {
        digest: DIGEST.to_owned(),
        version: "0.2.0".to_owned(),
        requests: 77,
        failures: 0,
        in_flight: 1,
        ..status.active.clone()
    });
    status.candidate_percent = Some(12.5);
    status.deployment = Some(deployment("running"));
    status.kept = vec![DIGEST.to_owned(), BEFORE.to_owned()];
    let expected = "
           DIGEST        SERVICE      REQUESTS  FAILED  RUNNING
active     78a6273103d1  tasks 0.1.0  12345678       2       12
candidate  a6bffc98f5bb  tasks 0.2.0        77       0        1
      canary: gets 12.5 % of the clients

deployment 7 (deploy) of a6bffc98f5bb is at probation, since 2026-01-02 03:04:05
UTC, by alice (token)
kept for a rollback: a6bffc98f5bb, 78a6273103d1
epoch 3, task-host 0.1.0
";
    assert_eq!(format!("\n{}", text(&status)), expected);
    status.candidate_percent = Some(0.0);
    status.shadow = Some(ShadowReport {
        compared: 120,
        different: 3,
        skipped: 4,
        samples: vec![ShadowSample {
            route: "GET /tasks".to_owned(),
            pointer: "/0/title".to_owned(),
            detail: "is another string".to_owned(),
            count: 3,
            request_id: "order-17".to_owned(),
        }],
    });
    let expected = "
      shadow: runs reads after their answer, and answers nobody
      3 of 120 reads differ, 4 were left out
      - GET /tasks at /0/title: is another string, 3 times, first in request
      order-17
";
    assert!(text(&status).contains(expected), "{}", text(&status));
}
