//! Tests of `deploy` from its flags to its success or failure, against a fake host.

use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::cli::client::fake::{
    BEFORE, DIGEST, Fake, NO_PAUSES, component, deployment, event, events, not_found, ok, problem,
    started,
};
use crate::cli::output::deployments;
use crate::cli::output::report::Style;
use crate::cli::{Cli, Command};
use crate::signature_file;
use contract::deployment::{Progress, Stage};
use deployment::model::StageRejection;

/// What the command printed, and its result.
struct Done {
    output: String,
    result: Result<(), Failure>,
}

/// Deploys a file with the content `new logic`, whose digest is [`DIGEST`].
fn deploy_to(fake: &Fake, flags: &[&str], style: Style, signature: Option<&str>) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logic.wasm");
    std::fs::write(&file, "new logic").unwrap();
    if let Some(signature) = signature {
        std::fs::write(signature_file::path(&file), signature).unwrap();
    }
    let file = file.to_str().unwrap();
    let line = [
        "task-host",
        "deploy",
        file,
        "--to",
        &fake.url,
        "--actor",
        "alice",
    ];
    let Command::Deploy(args) = Cli::parse_from([&line[..], flags].concat()).command else {
        panic!("not deploy")
    };
    let mut output = Vec::new();
    let result = deploy(&args, Report::new(&mut output, style), &NO_PAUSES);
    let output = String::from_utf8(output).unwrap();
    let output = output.replace(file, "FILE").replace(&fake.url, "HOST");
    Done { output, result }
}

#[track_caller]
fn reason(done: &Done) -> String {
    match &done.result {
        Err(Failure::Other(error)) => error.to_string(),
        Err(Failure::Setting(error)) => panic!("a wrong setting: {error}"),
        Err(_) => panic!("another failure"),
        Ok(()) => panic!("a success:\n{}", done.output),
    }
}

#[test]
fn each_stage_is_reported() {
    let mut compare = event(4, "compare", "noted");
    compare.detail = Some("2 changes break clients".to_owned());
    compare.breaking = vec![
        "GET /tasks is gone".to_owned(),
        "POST /tasks: the member `due_at` of the body is required, and was not before, which \
         breaks every client that leaves it out"
            .to_owned(),
    ];
    let mut probation = event(8, "probation", "passed");
    probation.duration_ms = Some(60_004.0);
    probation.detail = Some("0 of 120 requests failed".to_owned());
    let stream = [
        event(0, "verify", "began"),
        event(1, "verify", "passed"),
        event(2, "compile", "began"),
        event(3, "compile", "passed"),
        compare,
        event(5, "switch", "began"),
        event(6, "switch", "passed"),
        event(7, "probation", "began"),
        probation,
        event(9, "end", "noted"),
    ];
    let fake = Fake::answers([
        not_found(),
        ok(&component(DIGEST, false)),
        started(7),
        events(&stream),
        ok(&deployment("active")),
    ]);
    let done = deploy_to(&fake, &["--allow-breaking"], Style::Plain, None);
    assert!(done.result.is_ok(), "{}", reason(&done));
    let output: Vec<&str> = done.output.lines().collect();
    assert!(output[1].starts_with("✓ upload"), "{}", output[1]);
    assert!(output[1].ends_with("  9 B"), "{}", output[1]);
    let expected = "\
FILE is a6bffc98f5bb (9 B), for HOST/
deployment 7
✓ verify        12 ms
✓ compile       12 ms
· compare              2 changes break clients
    - GET /tasks is gone
    - POST /tasks: the member `due_at` of the body is required, and was not
      before, which breaks every client that leaves it out
✓ switch        12 ms
… probation
✓ probation  1 min 0 s  0 of 120 requests failed
deployment 7: a6bffc98f5bb is active instead of 78a6273103d1, after 1.5 s
";
    let rest: Vec<&str> = [&output[..1], &output[2..]].concat();
    assert_eq!(rest.join("\n") + "\n", expected);
}

#[test]
fn log_lines_and_reasons_have_a_line_each() {
    let mut logged = event(0, "check", "noted");
    logged.detail = Some("the component logged 2 lines".to_owned());
    logged.log = vec!["info: begins".to_owned(), "warn: no table".to_owned()];
    let mut failed = event(1, "bind", "failed");
    failed.detail = Some("the first".to_owned());
    failed.rejections = [
        ("path-reserved", "the first"),
        ("route-twice", "the second"),
    ]
    .map(|(code, reason)| StageRejection {
        code: code.into(),
        reason: reason.to_owned(),
    })
    .to_vec();
    let mut rejected = deployment("rejected");
    rejected.code = Some("path-reserved".into());
    rejected.reason = Some("the first".to_owned());
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&[logged, failed, event(2, "end", "noted")]),
        ok(&rejected),
    ]);
    let done = deploy_to(&fake, &[], Style::Plain, None);
    let expected = "\
· check                the component logged 2 lines
    - info: begins
    - warn: no table
✗ bind                 2 reasons:
    - path-reserved: the first
    - route-twice: the second
";
    assert!(done.output.ends_with(expected), "{}", done.output);
    let expected = "deployment 7: a6bffc98f5bb was rejected (path-reserved)";
    assert_eq!(reason(&done), expected);
}

#[test]
fn the_outcome_does_not_repeat_what_was_reported() {
    let mut breaking = event(0, "compare", "noted");
    breaking.breaking = vec!["GET /tasks: the path is gone".to_owned()];
    let mut failed = event(1, "compare", "failed");
    failed.detail = Some("the API breaks clients: GET /tasks: the path is gone".to_owned());
    let mut rejected = deployment("rejected");
    rejected.code = Some("breaking-change".into());
    rejected.reason.clone_from(&failed.detail);
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&[breaking, failed, event(2, "end", "noted")]),
        ok(&rejected),
    ]);
    let done = deploy_to(&fake, &[], Style::Plain, None);
    let expected = "\
· compare
    - GET /tasks: the path is gone
✗ compare              use --allow-breaking to deploy anyway
";
    assert!(done.output.ends_with(expected), "{}", done.output);
    let expected = "deployment 7: a6bffc98f5bb was rejected (breaking-change)";
    assert_eq!(reason(&done), expected);
}

#[test]
fn the_order_has_the_values_of_the_flags() {
    let orders = [
        (vec!["--dry-run"], json!({"dry_run": true})),
        (
            vec!["--allow-breaking", "--retry-refused"],
            json!({"allow_breaking": true, "retry_refused": true}),
        ),
        (vec!["--canary", "12.5%"], json!({"canary_percent": 12.5})),
        (
            vec!["--canary", "10%, 25,50%", "--every", "2m"],
            json!({"canary_percent": 10.0, "canary_steps": [25.0, 50.0], "canary_step_ms": 120_000}),
        ),
        (
            vec!["--canary", "10%", "--every", "90s", "--promote-by-itself"],
            json!({"canary_percent": 10.0, "canary_step_ms": 90_000, "promote_by_itself": true}),
        ),
        (vec!["--shadow"], json!({"shadow": true})),
    ];
    for (flags, expected) in orders {
        let fake = Fake::answers([
            ok(&component(DIGEST, false)),
            problem(422, "no", "No", json!({})),
        ]);
        let done = deploy_to(&fake, &flags, Style::Plain, None);
        assert_eq!(reason(&done), "No (no)");
        let mut order = json!({
            "digest": DIGEST,
            "dry_run": false,
            "allow_breaking": false,
            "retry_refused": false,
            "canary_percent": null,
            "shadow": false,
        });
        for (name, value) in expected.as_object().unwrap() {
            order[name] = value.clone();
        }
        assert_eq!(fake.received()[1].json(), order);
    }
}

#[test]
fn steps_need_a_time_and_a_time_needs_steps() {
    for (flags, expected) in [
        (vec!["--canary", "10%,25%"], "such as --every 2m"),
        (vec!["--canary", "10%", "--every", "2m"], "several shares"),
    ] {
        let done = deploy_to(&Fake::answers([]), &flags, Style::Plain, None);
        let Err(Failure::Setting(error)) = done.result else {
            panic!("accepted: {flags:?}")
        };
        assert!(error.to_string().contains(expected), "{error}");
    }
    for wrong in ["10%,10%", "25%,10%", "10%,", "10%,100%", "x"] {
        let line = ["task-host", "deploy", "FILE", "--every", "1m", "--canary"];
        let parsed = Cli::try_parse_from(line.into_iter().chain([wrong]));
        assert!(parsed.is_err(), "{wrong}");
    }
}

#[test]
fn a_canary_that_is_promoted_by_itself_is_followed_to_its_end() {
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&[
            event(0, "canary", "began"),
            event(1, "canary", "noted"),
            event(2, "canary", "passed"),
            event(3, "end", "noted"),
        ]),
        ok(&deployment("rolled-back")),
    ]);
    let flags = ["--canary", "10%", "--every", "1m", "--promote-by-itself"];
    let done = deploy_to(&fake, &flags, Style::Plain, None);
    assert!(reason(&done).contains("was rolled back"), "{}", done.output);
    assert!(
        reason(&done).ends_with("; 78a6273103d1 is active"),
        "{}",
        done.output
    );
}

#[test]
fn a_component_that_the_host_has_is_uploaded_again_only_to_add_a_signature() {
    let signature = format!("{}\n", "A".repeat(86) + "==");
    let refused = || problem(422, "no", "No", json!({}));
    for (signed, signature, uploaded) in [
        (false, None, false),
        (true, Some(signature.as_str()), false),
        (false, Some(signature.as_str()), true),
    ] {
        let known = ok(&component(DIGEST, signed));
        let stored = ok(&component(DIGEST, true));
        let fake = match uploaded {
            true => Fake::answers([known, stored, refused()]),
            false => Fake::answers([known, refused()]),
        };
        let done = deploy_to(&fake, &[], Style::Plain, signature);
        assert_eq!(reason(&done), "No (no)");
        let uploads = fake.received().into_iter();
        let uploads: Vec<_> = uploads
            .filter(|request| request.line == "POST /admin/components")
            .map(|request| request.header("task-host-signature").map(str::to_owned))
            .collect();
        let expected = uploaded.then(|| signature.map(|text| text.trim().to_owned()));
        assert_eq!(uploads, Vec::from_iter(expected));
    }
}

#[test]
fn only_the_requested_outcome_is_a_success() {
    for (flags, outcome, good) in [
        (&[][..], "active", true),
        (&[], "checked", false),
        (&[], "rejected", false),
        (&[], "rolled-back", false),
        (&[], "aborted", false),
        (&[], "running", false),
        (&["--dry-run"], "checked", true),
        (&["--dry-run"], "rejected", false),
    ] {
        let fake = Fake::answers([
            ok(&component(DIGEST, false)),
            started(7),
            events(&[event(0, "end", "noted")]),
            ok(&deployment(outcome)),
        ]);
        let done = deploy_to(&fake, flags, Style::Plain, None);
        assert_eq!(done.result.is_ok(), good, "{flags:?} {outcome}");
        if outcome == "rejected" {
            let expected = "deployment 7: a6bffc98f5bb was rejected (check-failed): the \
                            component's self-test failed: no";
            assert_eq!(reason(&done), expected);
        }
    }
}

#[test]
fn who_aborted_a_deployment_is_said_once() {
    let mut aborted = deployment("aborted");
    aborted.code = Some("aborted".into());
    aborted.reason = Some("aborted by alice (token)".to_owned());
    let rows = deployments::table(std::slice::from_ref(&aborted));
    assert_eq!(rows.last().unwrap().trim(), "aborted by alice (token)");
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&[event(0, "end", "noted")]),
        ok(&aborted),
    ]);
    let done = deploy_to(&fake, &[], Style::Plain, None);
    let expected =
        "deployment 7: a6bffc98f5bb was aborted by alice (token); 78a6273103d1 is active";
    assert_eq!(reason(&done), expected);
}

#[test]
fn waiting_for_the_switch_ends_before_the_probation_ends() {
    for (flags, stage, status) in [
        (&["--wait", "switched"][..], "switch", "passed"),
        // A trial ends by another command, so the default is not to wait for its end.
        (&["--canary", "10%"], "canary", "began"),
        (&["--shadow"], "shadow", "began"),
    ] {
        let fake = Fake::answers([
            ok(&component(DIGEST, false)),
            started(7),
            events(&[event(0, stage, status), event(1, "probation", "began")]),
            ok(&deployment("running")),
        ]);
        let done = deploy_to(&fake, flags, Style::Plain, None);
        assert!(done.result.is_ok(), "{}", reason(&done));
        let last = done.output.lines().last().unwrap();
        let expected = "deployment 7: a6bffc98f5bb is still running, at stage probation";
        assert_eq!(last, expected);
    }
    let mut running = deployment("running");
    running.stage = Progress::At(Stage::Canary).into();
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&[event(0, "canary", "began")]),
        ok(&running),
    ]);
    let done = deploy_to(&fake, &["--canary", "10%"], Style::Plain, None);
    let words = "at stage canary; `promote` or `abort` ends it";
    assert!(done.output.trim_end().ends_with(words), "{}", done.output);
}

#[test]
fn json_has_a_line_per_event_and_the_deployment_at_the_end() {
    let stream = [event(0, "verify", "passed"), event(1, "end", "noted")];
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&stream),
        ok(&deployment("rejected")),
    ]);
    let done = deploy_to(&fake, &["--json"], Style::Json, None);
    assert!(done.result.is_err());
    let lines: Vec<Value> = done
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let rejected = json!(deployment("rejected"));
    assert_eq!(lines, [json!(stream[0]), json!(stream[1]), rejected]);
}

#[test]
fn json_has_an_error_if_no_deployment_was_started() {
    let busy = json!({"deployment": 3, "detail": "Wait."});
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        problem(409, "deployment-running", "Another deployment runs", busy),
    ]);
    let done = deploy_to(&fake, &["--json"], Style::Json, None);
    assert!(done.result.is_err());
    let last: Value = serde_json::from_str(&done.output).unwrap();
    assert_eq!(last["outcome"], "failed");
    assert_eq!(last["code"], "deployment-running");
    let reason = last["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("Another deployment runs: Wait."),
        "{reason}"
    );
}

#[test]
fn on_a_terminal_a_running_stage_is_shown_and_then_replaced() {
    let stream = [
        event(0, "compile", "began"),
        event(1, "compile", "passed"),
        event(2, "check", "began"),
        event(3, "end", "noted"),
    ];
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&stream),
        ok(&deployment("active")),
    ]);
    let done = deploy_to(&fake, &[], Style::Terminal, None);
    let expected = "… compile\r\u{1b}[2K✓ compile       12 ms\n… check\r\u{1b}[2Kdeployment 7: ";
    assert!(done.output.contains(expected), "{:?}", done.output);
}

#[test]
fn wrong_flags_are_errors_before_anything_is_sent() {
    let parse = |flags: &[&str]| {
        let line = ["task-host", "deploy", "/none/logic.wasm"];
        Cli::try_parse_from([&line[..], flags].concat())
    };
    for flags in [
        &["--canary", "0"][..],
        &["--canary", "100%"],
        &["--canary", "few"],
        &["--canary", "10%", "--shadow"],
        &["--dry-run", "--canary", "10%"],
        &["--wait", "long"],
    ] {
        assert!(parse(flags).is_err(), "{flags:?}");
    }
    let Ok(Command::Deploy(args)) = parse(&[]).map(|cli| cli.command) else {
        panic!("not deploy")
    };
    let report = Report::new(Vec::new(), Style::Plain);
    let Err(Failure::Setting(error)) = deploy(&args, report, &NO_PAUSES) else {
        panic!("a missing file was deployed")
    };
    assert!(
        error
            .to_string()
            .starts_with("FILE: cannot read /none/logic.wasm"),
        "{error}"
    );
}

#[test]
fn if_the_answer_to_the_order_is_lost_the_outcome_is_what_really_happened() {
    for (outcome, success) in [("active", true), ("rolled-back", false)] {
        let fake = Fake::answers([
            ok(&component(DIGEST, false)),
            // The host breaks off, and needs a moment to answer again.
            Vec::new(),
            problem(503, "unavailable", "the host is starting", json!({})),
            ok(&[deployment("running")]),
            events(&[event(0, "end", "noted")]),
            ok(&deployment(outcome)),
        ]);
        let done = deploy_to(&fake, &[], Style::Plain, None);
        assert_eq!(done.result.is_ok(), success, "{}", done.output);
        let asked = "asking the host what became of it\ndeployment 7\n";
        assert!(done.output.contains(asked), "{}", done.output);
        assert_eq!(
            fake.lines()[1..],
            [
                "POST /admin/deployments",
                "GET /admin/deployments?limit=50",
                "GET /admin/deployments?limit=50",
                "GET /admin/deployments/7/events",
                "GET /admin/deployments/7",
            ]
        );
    }
}

#[test]
fn an_order_that_the_host_never_received_changed_nothing() {
    let mut other = deployment("active");
    other.digest = BEFORE.to_owned();
    let history = ok(&[other]);
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        Vec::new(),
        history.clone(),
        history.clone(),
        history.clone(),
        history,
    ]);
    let reason = reason(&deploy_to(&fake, &[], Style::Plain, None));
    assert!(reason.contains("nothing was changed"), "{reason}");
}

#[test]
fn if_the_host_stays_away_the_outcome_is_said_to_be_unknown() {
    let fake = Fake::answers([ok(&component(DIGEST, false)), Vec::new()]);
    let reason = reason(&deploy_to(&fake, &[], Style::Plain, None));
    assert!(reason.contains("may have received the order"), "{reason}");
    assert!(reason.contains("task-host history"), "{reason}");
}

#[test]
fn control_characters_from_the_host_are_escaped_and_json_keeps_them() {
    let hostile = "\u{1b}[2J\u{9b}1A\u{202e}\ndeployment 7: it is active";
    let answers = || {
        let mut failed = event(0, "check", "failed");
        failed.detail = Some(hostile.to_owned());
        let mut rejected = deployment("rejected");
        rejected.reason = Some(hostile.to_owned());
        let known = ok(&component(DIGEST, false));
        let stream = events(&[failed, event(1, "end", "noted")]);
        Fake::answers([known, started(7), stream, ok(&rejected)])
    };
    let plain = deploy_to(&answers(), &[], Style::Plain, None);
    let json = deploy_to(&answers(), &["--json"], Style::Json, None);
    for output in [&plain.output, &json.output] {
        let is_safe = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(output.chars().all(is_safe), "{output:?}");
        assert!(!output.contains("\ndeployment 7: it"), "{output}");
    }
    let last: Value = serde_json::from_str(json.output.lines().last().unwrap()).unwrap();
    assert_eq!(last["reason"], hostile);
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_that_has_the_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logic.wasm");
    std::fs::write(&file, "new logic").unwrap();
    let fake = Fake::answers([
        ok(&component(DIGEST, false)),
        started(7),
        events(&[event(0, "end", "noted")]),
        ok(&deployment("active")),
    ]);
    let line = [
        "task-host",
        "deploy",
        file.to_str().unwrap(),
        "--to",
        &fake.url,
    ];
    let Command::Deploy(args) = Cli::parse_from(line).command else {
        panic!("not deploy")
    };
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let Err(Failure::Other(error)) = deploy(&args, Report::new(full, Style::Plain), &NO_PAUSES)
    else {
        panic!("a success without a report")
    };
    let error = format!("{error:#}");
    assert!(
        error.starts_with("deployment 7: a6bffc98f5bb is active"),
        "{error}"
    );
    assert!(error.contains("cannot write to standard output"), "{error}");
}
