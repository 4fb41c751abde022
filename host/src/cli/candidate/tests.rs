//! `promote` and `abort` against a host that answers by script.

use clap::Parser as _;
use serde_json::json;

use super::*;
use crate::cli::client::fake::{Fake, IMPATIENT, deployment, event, events, no_content, ok};
use crate::cli::status::tests::status;
use crate::cli::{Cli, Command};

fn decide_on(fake: &Fake, line: &[&str]) -> Result<(), Failure> {
    let line = [&["task-host"], line, &["--to", &fake.url]].concat();
    let (verdict, args) = match Cli::parse_from(line).command {
        Command::Promote(args) => (args.verdict(), args.candidate),
        Command::Abort(args) => (Verdict::Abort, args),
        _ => panic!("neither promote nor abort"),
    };
    decide(
        &args,
        verdict,
        Report::new(Vec::new(), Style::Plain),
        &IMPATIENT,
    )
}

#[test]
fn a_verdict_is_followed_from_what_is_known_to_the_end() {
    for (verdict, outcome, good) in [
        ("promote", "active", true),
        ("promote", "rolled-back", false),
        ("abort", "aborted", true),
        ("abort", "rolled-back", true),
        ("abort", "active", false),
    ] {
        let fake = Fake::answers([
            ok(&deployment("running")),
            no_content(),
            events(&[event(2, "end", "noted")]),
            ok(&deployment(outcome)),
        ]);
        let result = decide_on(&fake, &[verdict, "7"]);
        assert_eq!(result.is_ok(), good, "{verdict} {outcome}");
        assert_eq!(
            fake.lines(),
            [
                "GET /admin/deployments/7".to_owned(),
                format!("POST /admin/deployments/7/{verdict}"),
                "GET /admin/deployments/7/events".to_owned(),
                "GET /admin/deployments/7".to_owned(),
            ]
        );
        assert_eq!(fake.received()[2].header("last-event-id"), Some("1"));
    }
}

#[test]
fn without_an_id_the_deployment_that_runs_is_meant() {
    let mut running = status();
    running.deployment = Some(deployment("running"));
    let fake = Fake::answers([
        ok(&running),
        no_content(),
        events(&[event(2, "end", "noted")]),
        ok(&deployment("aborted")),
    ]);
    assert!(decide_on(&fake, &["abort"]).is_ok());
    assert_eq!(fake.lines()[1], "POST /admin/deployments/7/abort");

    let mut quiet = json!(status());
    quiet["deployment"] = json!(null);
    let fake = Fake::answers([ok(&quiet)]);
    let Err(Failure::Other(error)) = decide_on(&fake, &["promote"]) else {
        panic!("nothing was promoted")
    };
    assert_eq!(error.to_string(), "no deployment runs");
}

#[test]
fn another_share_is_given_at_once_and_the_canary_goes_on() {
    let fake = Fake::answers([ok(&deployment("running")), no_content()]);
    assert!(decide_on(&fake, &["promote", "7", "--canary", "25%"]).is_ok());
    let received = fake.received();
    assert_eq!(received[1].json(), json!({"canary_percent": 25.0}));
    assert_eq!(received.len(), 2, "nobody waits for its end");
}
