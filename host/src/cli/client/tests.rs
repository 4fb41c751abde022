//! Tests of the client against a fake host.

use std::ops::ControlFlow;

use clap::Parser as _;
use serde_json::json;

use super::fake::{
    BEFORE, DIGEST, Fake, NO_PAUSES, broken_events, component, deployment, event, events,
    no_content, not_found, ok, problem, started,
};
use super::*;
use crate::cli::process::block_on;
use crate::failure::Failure;
use contract::deployment::Outcome;
use deployment::model::{Deployment, Order};

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    host: Args,
}

fn args(flags: &[&str]) -> Result<Args, String> {
    Command::try_parse_from([&["task-host"], flags].concat())
        .map(|command| command.host)
        .map_err(|error| error.to_string())
}

fn client(fake: &Fake) -> Client {
    let flags = ["--to", &fake.url, "--token", "secret", "--actor", "alice"];
    Client::new(&args(&flags).unwrap()).ok().unwrap()
}

fn run<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut result = None;
    block_on(async {
        result = Some(future.await);
        Ok(())
    })
    .unwrap();
    result.unwrap()
}

/// Follows deployment 7 and returns the updates and the result.
fn follow(fake: &Fake, after: Option<u64>) -> (Vec<String>, Result<Deployment, Error>) {
    let mut updates = Vec::new();
    let client = client(fake);
    let followed = client.follow(7, after, &NO_PAUSES, |update| {
        updates.push(match update {
            Update::Event(event) => format!("{} {}", event.stage, event.status),
            Update::Interrupted => "interrupted".to_owned(),
        });
        ControlFlow::Continue(())
    });
    let deployment = run(followed);
    (updates, deployment)
}

#[test]
fn requests_carry_the_token_and_the_actor() {
    let fake = Fake::answers([started(7)]);
    let order = Order {
        digest: DIGEST.to_owned(),
        dry_run: true,
        allow_breaking: false,
        retry_refused: false,
        canary_percent: None,
        shadow: false,
        ..Order::default()
    };
    assert_eq!(run(client(&fake).deploy(&order)).unwrap(), 7);
    let request = &fake.received()[0];
    assert_eq!(request.line, "POST /admin/deployments");
    assert_eq!(request.header("authorization"), Some("Bearer secret"));
    assert_eq!(request.header("task-host-actor"), Some("alice"));
    assert_eq!(request.json(), json!(order));
}

#[test]
fn an_upload_sends_the_digest_and_the_signature_and_reports_its_progress() {
    let content: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
    let fake = Fake::answers([ok(&component(DIGEST, true))]);
    let upload = Upload {
        content: content.clone().into(),
        digest: DIGEST.to_owned(),
        signature: Some("c2lnbmF0dXJl".to_owned()),
    };
    let (sender, progress) = std::sync::mpsc::channel();
    let summary =
        run(client(&fake).upload(upload, move |sent| sender.send(sent).unwrap())).unwrap();
    assert_eq!(summary.digest, DIGEST);
    let request = &fake.received()[0];
    assert_eq!(request.line, "POST /admin/components");
    assert_eq!(request.header("content-type"), Some("application/wasm"));
    assert_eq!(request.header("content-length"), Some("200000"));
    assert_eq!(
        request.header("task-host-digest"),
        Some(format!("sha256:{DIGEST}").as_str())
    );
    assert_eq!(request.header("task-host-signature"), Some("c2lnbmF0dXJl"));
    assert!(request.body == content);
    assert_eq!(
        progress.iter().collect::<Vec<_>>(),
        [65_536, 131_072, 196_608, 200_000]
    );
}

#[test]
fn an_unknown_component_is_none_and_a_missing_admin_api_is_an_error() {
    let public = problem(404, "no-such-path", "There is nothing here", json!({}));
    let fake = Fake::answers([not_found(), public]);
    assert!(run(client(&fake).component(DIGEST)).unwrap().is_none());
    let error = run(client(&fake).component(DIGEST))
        .unwrap_err()
        .to_string();
    let advice = format!(
        "{}/ has no admin API. Give the address of the admin port with --to; its number is 9000 by \
         default",
        fake.url
    );
    assert!(error.ends_with(&advice), "{error}");
    assert_eq!(fake.lines()[0], format!("GET /admin/components/{DIGEST}"));
}

#[test]
fn errors_say_what_to_do() {
    let fake = Fake::answers([
        problem(
            401,
            "unauthorized",
            "The admin API needs its token",
            json!({}),
        ),
        problem(
            409,
            "deployment-running",
            "Another deployment runs",
            json!({"deployment": 3}),
        ),
        problem(
            409,
            "deployment-running",
            "Another deployment runs",
            json!({"deployment": 3, "detail": "Wait, or end it with `task-host abort 3`."}),
        ),
        problem(
            422,
            "invalid-request",
            "The request does not fit",
            json!({"errors": [{"pointer": "#/digest", "detail": "must be a SHA-256"}]}),
        ),
        b"HTTP/1.1 500 x\r\nconnection: close\r\n\r\noops".to_vec(),
        ok(&json!({"surprise": true})),
    ]);
    let mut errors = Vec::new();
    for _ in 0..7 {
        errors.push(run(client(&fake).rollback(None)).unwrap_err().to_string());
    }
    assert_eq!(
        errors[..5],
        [
            "The admin API needs its token (unauthorized)\n  give the host's admin token with \
             --token-file, or in TASK_HOST_ADMIN_TOKEN",
            "Another deployment runs (deployment-running)\n  `task-host status` shows it, \
             `task-host abort 3` aborts it",
            "Another deployment runs: Wait, or end it with `task-host abort 3`. \
             (deployment-running)",
            "The request does not fit (invalid-request)\n  #/digest: must be a SHA-256",
            "the host answered 500 Internal Server Error",
        ]
    );
    assert!(errors[5].contains("missing field `id`"), "{}", errors[5]);
    let gone = format!("no answer from {}/: ", fake.url);
    assert!(errors[6].starts_with(&gone), "{}", errors[6]);
}

#[test]
fn a_deployment_is_followed_to_its_end() {
    let stream = [event(0, "verify", "passed"), event(1, "end", "noted")];
    let fake = Fake::answers([events(&stream), ok(&deployment("active"))]);
    let (updates, ended) = follow(&fake, None);
    assert_eq!(updates, ["verify passed", "end noted"]);
    assert_eq!(ended.unwrap(), deployment("active"));
    assert_eq!(
        fake.lines(),
        [
            "GET /admin/deployments/7/events",
            "GET /admin/deployments/7"
        ]
    );
    assert_eq!(fake.received()[0].header("last-event-id"), None);
}

#[test]
fn a_broken_stream_is_resumed_after_the_last_event_received() {
    let fake = Fake::answers([
        broken_events(&[event(0, "verify", "passed")]),
        problem(503, "unavailable", "The service is unavailable", json!({})),
        broken_events(&[]),
        // An event that the host sends again is not reported again.
        events(&[event(0, "verify", "passed"), event(1, "end", "noted")]),
        ok(&deployment("active")),
    ]);
    let (updates, ended) = follow(&fake, None);
    assert_eq!(updates, ["verify passed", "interrupted", "end noted"]);
    assert_eq!(ended.unwrap().outcome, Outcome::Active);
    let resumed: Vec<Option<String>> = fake
        .received()
        .iter()
        .map(|request| request.header("last-event-id").map(str::to_owned))
        .collect();
    let zero = Some("0".to_owned());
    assert_eq!(resumed, [None, zero.clone(), zero.clone(), zero, None]);
}

#[test]
fn a_deployment_that_has_no_more_events_is_fetched() {
    let fake = Fake::answers([no_content(), ok(&deployment("rejected"))]);
    let (updates, ended) = follow(&fake, Some(5));
    assert!(updates.is_empty(), "{updates:?}");
    assert_eq!(ended.unwrap().outcome, Outcome::Rejected);
    assert_eq!(fake.received()[0].header("last-event-id"), Some("5"));
}

#[test]
fn without_a_stream_the_deployment_is_fetched_after_the_last_attempt() {
    let unavailable = || problem(503, "unavailable", "The service is unavailable", json!({}));
    let fake = Fake::answers([
        unavailable(),
        unavailable(),
        unavailable(),
        unavailable(),
        ok(&deployment("rolled-back")),
    ]);
    let (updates, ended) = follow(&fake, None);
    assert_eq!(updates, ["interrupted"]);
    assert_eq!(ended.unwrap().outcome, Outcome::RolledBack);
}

#[test]
fn an_unreachable_host_is_an_error_with_the_last_known_stage() {
    let fake = Fake::answers([broken_events(&[event(0, "migrate", "began")])]);
    let (_, ended) = follow(&fake, None);
    let Err(Error::Lost { id: 7, stage }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(stage, "migrate");
}

#[test]
fn a_permanent_error_is_not_retried() {
    let unknown = problem(404, "not-found", "There is no deployment 7", json!({}));
    let fake = Fake::answers([unknown]);
    let (updates, ended) = follow(&fake, None);
    assert!(updates.is_empty(), "{updates:?}");
    assert!(matches!(ended, Err(Error::Problem(_))), "{ended:?}");
}

#[test]
fn a_digest_can_be_given_by_its_first_digits_if_they_match_one_component() {
    let components = [
        component(DIGEST, true),
        component(BEFORE, true),
        component("a600", true),
    ];
    let fake = Fake::answers([ok(&components), ok(&components), ok(&components)]);
    let client = client(&fake);
    let resolve = |prefix: &str| block_on(client.resolve_digest(prefix)).map_err(|e| e.to_string());
    assert_eq!(resolve("A6BFFC98F5BB").as_deref(), Ok(DIGEST));
    let ambiguous = resolve("sha256:a6").unwrap_err();
    assert!(
        ambiguous.starts_with("a6 matches several components"),
        "{ambiguous}"
    );
    let unknown = resolve("abc").unwrap_err();
    assert_eq!(
        unknown,
        "the host has no component whose digest begins with abc"
    );
    // These are not sent to the host.
    assert_eq!(resolve(BEFORE).as_deref(), Ok(BEFORE));
    assert!(resolve("xyz").unwrap_err().contains("is not a digest"));
    assert_eq!(fake.received().len(), 3);
}

#[test]
fn an_address_keeps_its_path_and_the_error_for_a_wrong_one_names_the_flag() {
    let base = |text| args(&["--to", text]).map(|args| args.base().to_string());
    assert_eq!(base("http://h:9000").as_deref(), Ok("http://h:9000/"));
    assert_eq!(base("http://h/hosts/a").as_deref(), Ok("http://h/hosts/a/"));
    assert_eq!(base("https://h/a").as_deref(), Ok("https://h/a/"));
    for wrong in ["h:9000", "ftp://h", "nonsense"] {
        let error = base(wrong).unwrap_err();
        assert!(error.contains("--to"), "{error}");
    }
}

#[test]
fn the_token_comes_from_a_flag_or_a_file_and_is_not_in_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "from-file\n").unwrap();
    let path = path.to_str().unwrap();
    let parse = |flags: &[&str]| args(flags).unwrap();
    let value = |args: &Args| {
        let token = args.token().ok().unwrap().unwrap();
        token.0.to_str().unwrap().to_owned()
    };
    assert_eq!(value(&parse(&["--token-file", path])), "Bearer from-file");
    let given = parse(&["--token", "from-flag"]);
    assert_eq!(value(&given), "Bearer from-flag");
    assert!(!format!("{given:?}").contains("from-flag"), "{given:?}");
    assert!(parse(&[]).token().ok().unwrap().is_none());
    for wrong in [&["--token", "a b"], &["--token", ""]] {
        assert!(args(wrong).unwrap_err().contains("--token"));
    }
    let missing = parse(&["--token-file", "/none/here"]).token();
    let Err(Failure::Setting(error)) = missing else {
        panic!("a missing file was accepted")
    };
    assert!(
        error.to_string().starts_with("--token-file: /none/here: "),
        "{error}"
    );
}
