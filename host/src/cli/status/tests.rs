//! Tests of the text that `status` prints.

use super::snapshot::Snapshot;
use super::view::{line, page, redraw};
use crate::cli::client::fake::{BEFORE, DIGEST, deployment, status};
use crate::cli::output::format;
use crate::stdout::Stdout;
use contract::deployment::Stage;
use deployment::model::{
    CanaryStep, ReplicaStatus, RevisionStatus, ShadowReport, ShadowSample, Status, StepStatus,
    VerdictStatus,
};
use server::{Failure as FailedRequest, Figures, RevisionSecond};

/// A host without deployments and requests.
fn idle(status: Status) -> Snapshot {
    Snapshot {
        status,
        deployments: Vec::new(),
        figures: Figures {
            now: 1_767_323_045,
            seconds: Vec::new(),
        },
        failures: Vec::new(),
    }
}

fn second(at: u64, revision: &str, requests: u32, p50_ms: f64) -> RevisionSecond {
    RevisionSecond {
        at,
        revision: format::digest(revision).to_owned(),
        requests,
        failures: 1,
        traps: 0,
        kept: 0,
        p50_ms,
        p99_ms: p50_ms * 10.0,
    }
}

#[test]
fn replicas_are_listed_with_their_problems() {
    let replica = |name: &str, this, state: &str| ReplicaStatus {
        name: name.to_owned(),
        id: "0".repeat(32),
        this,
        state: state.to_owned(),
        digest: (state != "starting").then(|| BEFORE.to_owned()),
        epoch: 3,
        heartbeat_ms: 210,
        host_version: "0.1.0".to_owned(),
        problem: (state == "failed").then(|| "it does not compile".to_owned()),
        serving_since: this.then(|| "2026-01-02T03:04:05Z".to_owned()),
    };
    let replicas = vec![
        replica("task-api-0", true, "serving"),
        replica("task-api-1", false, "starting"),
        replica("task-api-2", false, "failed"),
    ];
    let shown = text(&idle(Status {
        replicas,
        ..status()
    }));
    let digest = format::digest(BEFORE);
    let expected = format!(
        "
REPLICA            STATE     DIGEST        EPOCH  HEARTBEAT  SINCE (UTC)
task-api-0 (this)  serving   {digest}      3     210 ms  2026-01-02 03:04
task-api-1         starting  -                 3     210 ms  -
task-api-2         failed    {digest}      3     210 ms  -
      it does not compile
"
    );
    assert!(shown.contains(&expected), "{shown}");
}

#[test]
fn a_host_without_a_deployment_shows_what_is_active() {
    let expected = "
        DIGEST        SERVICE      REQUESTS  FAILED  RUNNING
active  78a6273103d1  tasks 0.1.0  12345678       2       12

no deployment is running
no earlier revision is in memory; a rollback loads one first
epoch 3, task-host 0.1.0

no requests in the last minute
";
    assert_eq!(format!("\n{}", text(&idle(status()))), expected);
}

#[test]
fn a_fallback_is_shown_with_its_reason() {
    let mut status = status();
    status.warning = Some("the active component 0123 does not load (digest-mismatch)".to_owned());
    let expected = "\nWARNING: this is a fallback: the active component 0123 does not load\n";
    let shown = text(&idle(status));
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn a_candidate_is_shown_with_its_share_of_the_clients() {
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
    status.kept = vec![status.candidate.clone().unwrap(), status.active.clone()];
    let expected = "
           DIGEST        SERVICE      REQUESTS  FAILED  RUNNING
active     78a6273103d1  tasks 0.1.0  12345678       2       12
candidate  a6bffc98f5bb  tasks 0.2.0        77       0        1
      canary: gets 12.5 % of the clients

deployment 7 (deploy) of a6bffc98f5bb is at stage probation; started 2026-01-02
03:04:05 UTC by alice (token)
kept for a fast rollback: a6bffc98f5bb, 78a6273103d1
epoch 3, task-host 0.1.0

no requests in the last minute
";
    assert_eq!(format!("\n{}", text(&idle(status.clone()))), expected);
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
      shadow: repeats reads after their answer; clients get no answers from it
      3 of 120 reads differ, 4 were not compared
      - GET /tasks at /0/title: is another string, 3 times, first in request
      order-17
";
    let shown = text(&idle(status));
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn recent_requests_and_deployments_fit_into_eighty_columns() {
    let mut snapshot = idle(status());
    let now = snapshot.figures.now;
    snapshot.figures.seconds = vec![
        second(now - 61, BEFORE, 9999, 900.0),
        second(now - 3, BEFORE, 300, 0.5),
        second(now - 2, BEFORE, 100, 40.0),
        second(now - 1, DIGEST, 20, 0.75),
        second(now - 1, BEFORE, 7, 0.75),
    ];
    let mut activated = deployment("active");
    activated.digest = BEFORE.to_owned();
    snapshot.deployments = vec![activated];
    snapshot.failures = vec![
        FailedRequest {
            at: "2026-01-02T03:04:04.25Z".to_owned(),
            request_id: "0123456789abcdef0123456789abcdef".to_owned(),
            method: "GET".to_owned(),
            route: "/a/rather/long/path/with/{parameters}/in/it".to_owned(),
            status: 500,
            code: "logic-trapped".to_owned(),
            reason: "the logic trapped: wasm trap: wasm `unreachable` instruction executed\n 0: f"
                .to_owned(),
            revision: format::digest(BEFORE).to_owned(),
            duration_ms: 1.25,
        };
        5
    ];
    let shown = text(&snapshot);
    let fits = |line: &str| line.chars().count() <= format::WIDTH;
    assert!(shown.lines().all(fits), "{shown}");
    let failure = "\
2026-01-02 03:04:04     500  GET /a/rather/long/path/with/{param…  1.2 ms
      the logic trapped: wasm trap: wasm `unreachable` instruction executed
      (0123456789abcdef0123456789abcdef)
";
    let expected = format!(
        "
        DIGEST        SERVICE      REQUESTS  FAILED  RUNNING
active  78a6273103d1  tasks 0.1.0  12345678       2       12
      since 2026-01-02 03:04:06 UTC, by alice (token)

no deployment is running
no earlier revision is in memory; a rollback loads one first
epoch 3, task-host 0.1.0

the last minute
REVISION      REQUESTS  FAILED  TRAPS     P50  WORST P99
78a6273103d1       407       3      0  0.5 ms     400 ms
a6bffc98f5bb        20       1      0  0.8 ms     7.5 ms

the last deployments
ID  DIGEST        KIND    OUTCOME  BEGAN (UTC)        TOOK  BY
 7  78a6273103d1  deploy  active   2026-01-02 03:04  1.5 s  alice (token)

the last failed requests
AT (UTC)             STATUS  REQUEST                                 TOOK
{}",
        failure.repeat(3)
    );
    assert_eq!(format!("\n{shown}"), expected);
}

#[test]
fn a_line_summarizes_the_last_second() {
    let mut snapshot = idle(status());
    let now = snapshot.figures.now;
    snapshot.figures.seconds = vec![
        second(now - 2, BEFORE, 100, 0.5),
        second(now - 1, BEFORE, 12, 0.5),
        second(now - 1, DIGEST, 3, 0.5),
    ];
    let expected =
        "2026-01-02 03:04:05 78a6273103d1 tasks 0.1.0, 15 requests/s, 2 failed/s, 12 running";
    assert_eq!(line(&snapshot), expected);
    snapshot.status.candidate = Some(RevisionStatus {
        digest: DIGEST.to_owned(),
        ..snapshot.status.active.clone()
    });
    snapshot.status.candidate_percent = Some(12.5);
    snapshot.status.deployment = Some(deployment("running"));
    let further = ", candidate a6bffc98f5bb 12.5 %, deployment 7 at probation";
    assert_eq!(line(&snapshot), format!("{expected}{further}"));
}

#[test]
fn redrawing_a_page_clears_the_rest_of_the_previous_one_and_cuts_long_lines_off() {
    let mut out = Vec::new();
    let mut stdout = Stdout::new(&mut out);
    redraw(
        &["one".to_owned(), String::new(), "t\x1b[2Jo".to_owned()],
        Some(4),
        &mut stdout,
    );
    stdout.finish().unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\x1b[?7l\x1b[Hone\x1b[K\n\x1b[K\nt\\u001b[2Jo\x1b[K\n\x1b[J\x1b[?7h"
    );
}

#[test]
fn a_page_that_is_longer_than_the_window_keeps_its_first_lines() {
    let lines: Vec<String> = (1..=30).map(|number| format!("line {number}")).collect();
    let mut out = Vec::new();
    let mut stdout = Stdout::new(&mut out);
    redraw(&lines, Some(24), &mut stdout);
    stdout.finish().unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out.matches('\n').count(), 23);
    assert!(
        out.contains("line 1\x1b") && out.contains("line 22\x1b"),
        "{out}"
    );
    assert!(
        out.contains("… 8 more lines: enlarge the window\x1b"),
        "{out}"
    );
}

#[test]
fn a_verdict_says_how_far_it_is() {
    let mut snapshot = idle(status());
    snapshot.status.verdict = Some(VerdictStatus {
        stage: Stage::Probation.into(),
        elapsed_ms: 23_000,
        window_ms: Some(60_000),
        requests: 12,
        failures: 0,
        other_requests: 4_000,
        other_failures: 4,
        limit_percent: 5.1,
        minimum_requests: 20,
        step: None,
    });
    let expected = "\
probation: 23.0 s of 1 min 0 s, 12 requests, 0 failed (0.0 % against 0.1 %,
limit 5.1 %); too few to judge, 20 are needed
";
    let shown = text(&snapshot);
    assert!(shown.contains(expected), "{shown}");
    if let Some(verdict) = &mut snapshot.status.verdict {
        (verdict.requests, verdict.failures) = (100, 7);
    }
    let expected = "\
probation: 23.0 s of 1 min 0 s, 100 requests, 7 failed (7.0 % against 0.1 %,
limit 5.1 %); above the limit, but that may still be chance
";
    let shown = text(&snapshot);
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn the_steps_of_a_canary_have_a_mark_each() {
    let mut snapshot = idle(status());
    let mut running = deployment("running");
    let states = [
        (10.0, "passed"),
        (25.0, "running"),
        (50.0, "ahead"),
        (100.0, "ahead"),
    ];
    running.canary_steps = states
        .map(|(percent, state)| CanaryStep {
            percent,
            state: state.to_owned(),
            began_at: None,
        })
        .to_vec();
    snapshot.status.deployment = Some(running);
    let mut verdict = VerdictStatus {
        stage: Stage::Canary.into(),
        elapsed_ms: 150_000,
        window_ms: None,
        requests: 300,
        failures: 3,
        other_requests: 900,
        other_failures: 9,
        limit_percent: 6.0,
        minimum_requests: 20,
        step: Some(StepStatus {
            percent: 25.0,
            elapsed_ms: 30_000,
            least_ms: 120_000,
            requests: 7,
            next_percent: Some(50.0),
            waits_for: None,
        }),
    };
    for (next_percent, waits_for, expected) in [
        (Some(50.0), None, "at 25 %: 30.0 s of 2 min 0 s, then 50 %"),
        (
            Some(100.0),
            None,
            "at 25 %: 30.0 s of 2 min 0 s, then all clients",
        ),
        (
            Some(50.0),
            Some("too-few-requests"),
            "at 25 %: it waits for requests, after 7 in this step",
        ),
        (
            Some(50.0),
            Some("too-many-failures"),
            "at 25 %: it waits until its failures are within the limit",
        ),
        (None, None, "at 25 %: then an operator promotes it"),
    ] {
        if let Some(step) = &mut verdict.step {
            step.next_percent = next_percent;
            step.waits_for = waits_for.map(str::to_owned);
        }
        snapshot.status.verdict = Some(verdict.clone());
        let shown = text(&snapshot);
        let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(expected), "{shown}");
        let steps = "\nsteps: ✓ 10 %  … 25 %  ○ 50 %  ○ 100 %\n";
        // A sentence is wrapped at its words.
        assert!(shown.contains(&steps.replace("  ", " ")), "{shown}");
    }
}

/// Returns a page as one text.
fn text(snapshot: &Snapshot) -> String {
    page(snapshot).join("\n") + "\n"
}
