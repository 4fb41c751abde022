//! The client against a host that answers by script.

use std::ops::ControlFlow;

use clap::Parser as _;
use serde_json::json;

use super::fake::{
    BEFORE, DIGEST, Fake, IMPATIENT, begun, broken_events, component, deployment, event, events,
    no_content, not_found, ok, problem,
};
use super::*;
use crate::cli::block_on;
use contract::deployment::Outcome;

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

/// Follows deployment 7 and returns what was told of it.
fn follow(fake: &Fake, after: Option<u64>) -> (Vec<String>, Result<Deployment, Error>) {
    let mut told = Vec::new();
    let client = client(fake);
    let followed = client.follow(7, after, &IMPATIENT, |progress| {
        told.push(match progress {
            Progress::Event(event) => format!("{} {}", event.stage, event.status),
            Progress::Interrupted => "interrupted".to_owned(),
        });
        ControlFlow::Continue(())
    });
    let deployment = run(followed);
    (told, deployment)
}

#[test]
fn a_request_carries_the_token_and_the_name() {
    let fake = Fake::answers([begun(7)]);
    let order = Order {
        digest: DIGEST.to_owned(),
        dry_run: true,
        allow_breaking: false,
        retry_refused: false,
        canary_percent: None,
        shadow: false,
    };
    assert_eq!(run(client(&fake).deploy(&order)).unwrap(), 7);
    let request = &fake.received()[0];
    assert_eq!(request.line, "POST /admin/deployments");
    assert_eq!(request.header("authorization"), Some("Bearer secret"));
    assert_eq!(request.header("task-host-actor"), Some("alice"));
    assert_eq!(request.json(), json!(order));
}

#[test]
fn a_component_goes_whole_with_its_digest_and_signature_and_tells_how_far_it_is() {
    let content: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
    let fake = Fake::answers([ok(&component(DIGEST, true))]);
    let upload = Upload {
        content: content.clone().into(),
        digest: DIGEST.to_owned(),
        signature: Some("c2lnbmF0dXJl".to_owned()),
    };
    let (told, heard) = std::sync::mpsc::channel();
    let summary = run(client(&fake).upload(upload, move |sent| told.send(sent).unwrap())).unwrap();
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
        heard.iter().collect::<Vec<_>>(),
        [65_536, 131_072, 196_608, 200_000]
    );
}

#[test]
fn a_component_that_the_host_lacks_is_none_and_no_admin_api_is_an_error() {
    let public = problem(404, "no-such-path", "There is nothing here", json!({}));
    let fake = Fake::answers([not_found(), public]);
    assert!(run(client(&fake).component(DIGEST)).unwrap().is_none());
    let error = run(client(&fake).component(DIGEST))
        .unwrap_err()
        .to_string();
    let advice = format!(
        "{}/ has no admin API; --to names the operators' port, 9000 unless set",
        fake.url
    );
    assert!(error.ends_with(&advice), "{error}");
    assert_eq!(fake.lines()[0], format!("GET /admin/components/{DIGEST}"));
}

#[test]
fn problems_are_sentences_that_say_what_to_do() {
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
            422,
            "invalid-request",
            "The request does not fit",
            json!({"errors": [{"pointer": "#/digest", "detail": "must be a SHA-256"}]}),
        ),
        b"HTTP/1.1 500 x\r\nconnection: close\r\n\r\noops".to_vec(),
        ok(&json!({"surprise": true})),
    ]);
    let mut told = Vec::new();
    for _ in 0..6 {
        told.push(run(client(&fake).rollback(None)).unwrap_err().to_string());
    }
    assert_eq!(
        told[..4],
        [
            "The admin API needs its token (unauthorized)\n  give the host's admin token by \
             --token-file, or in TASK_HOST_ADMIN_TOKEN",
            "Another deployment runs (deployment-running)\n  `task-host status` shows it, \
             `task-host abort 3` ends it",
            "The request does not fit (invalid-request)\n  #/digest: must be a SHA-256",
            "the host answers 500 Internal Server Error",
        ]
    );
    assert!(told[4].contains("missing field `id`"), "{}", told[4]);
    let gone = format!("no answer from {}/: ", fake.url);
    assert!(told[5].starts_with(&gone), "{}", told[5]);
}

#[test]
fn a_deployment_is_followed_to_its_end() {
    let stream = [event(0, "verify", "passed"), event(1, "end", "noted")];
    let fake = Fake::answers([events(&stream), ok(&deployment("active"))]);
    let (told, ended) = follow(&fake, None);
    assert_eq!(told, ["verify passed", "end noted"]);
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
fn a_stream_that_broke_off_is_resumed_after_the_last_event_that_was_seen() {
    let fake = Fake::answers([
        broken_events(&[event(0, "verify", "passed")]),
        problem(503, "unavailable", "The service is unavailable", json!({})),
        broken_events(&[]),
        // Events that were seen are not told again, whatever the host sends.
        events(&[event(0, "verify", "passed"), event(1, "end", "noted")]),
        ok(&deployment("active")),
    ]);
    let (told, ended) = follow(&fake, None);
    assert_eq!(told, ["verify passed", "interrupted", "end noted"]);
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
fn a_deployment_that_ended_unseen_is_asked_for() {
    let fake = Fake::answers([no_content(), ok(&deployment("rejected"))]);
    let (told, ended) = follow(&fake, Some(5));
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(ended.unwrap().outcome, Outcome::Rejected);
    assert_eq!(fake.received()[0].header("last-event-id"), Some("5"));
}

#[test]
fn without_a_stream_the_deployment_counts_in_the_end() {
    let unavailable = || problem(503, "unavailable", "The service is unavailable", json!({}));
    let fake = Fake::answers([
        unavailable(),
        unavailable(),
        unavailable(),
        unavailable(),
        ok(&deployment("rolled-back")),
    ]);
    let (told, ended) = follow(&fake, None);
    assert_eq!(told, ["interrupted"]);
    assert_eq!(ended.unwrap().outcome, Outcome::RolledBack);
}

#[test]
fn a_host_that_stays_away_is_given_up_with_the_last_stage_that_was_heard_of() {
    let fake = Fake::answers([broken_events(&[event(0, "migrate", "began")])]);
    let (_, ended) = follow(&fake, None);
    let Err(Error::Lost { id: 7, stage }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(stage, "migrate");
}

#[test]
fn what_cannot_pass_is_not_tried_again() {
    let unknown = problem(404, "not-found", "There is no deployment 7", json!({}));
    let fake = Fake::answers([unknown]);
    let (told, ended) = follow(&fake, None);
    assert!(told.is_empty(), "{told:?}");
    assert!(matches!(ended, Err(Error::Refused(_))), "{ended:?}");
}

#[test]
fn digests_are_named_by_their_first_digits_where_these_fit_one() {
    let components = [
        component(DIGEST, true),
        component(BEFORE, true),
        component("a600", true),
    ];
    let fake = Fake::answers([ok(&components), ok(&components), ok(&components)]);
    let client = client(&fake);
    let whole = |digits: &str| block_on(client.whole_digest(digits)).map_err(|e| e.to_string());
    assert_eq!(whole("A6BFFC98F5BB").as_deref(), Ok(DIGEST));
    let ambiguous = whole("sha256:a6").unwrap_err();
    assert!(
        ambiguous.starts_with("a6 fits several components"),
        "{ambiguous}"
    );
    let unknown = whole("abc").unwrap_err();
    assert_eq!(unknown, "the host has no component whose digest begins abc");
    // These need no question.
    assert_eq!(whole(BEFORE).as_deref(), Ok(BEFORE));
    assert!(whole("xyz").unwrap_err().contains("is no digest"));
    assert_eq!(fake.received().len(), 3);
}

#[test]
fn addresses_keep_their_path_and_wrong_ones_name_the_flag() {
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
fn the_token_comes_from_a_flag_or_a_file_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "from-file\n").unwrap();
    let path = path.to_str().unwrap();
    let taken = |flags: &[&str]| args(flags).unwrap();
    let value = |args: &Args| {
        let token = args.token().ok().unwrap().unwrap();
        token.0.to_str().unwrap().to_owned()
    };
    assert_eq!(value(&taken(&["--token-file", path])), "Bearer from-file");
    let given = taken(&["--token", "from-flag"]);
    assert_eq!(value(&given), "Bearer from-flag");
    assert!(!format!("{given:?}").contains("from-flag"), "{given:?}");
    assert!(taken(&[]).token().ok().unwrap().is_none());
    for wrong in [&["--token", "a b"], &["--token", ""]] {
        assert!(args(wrong).unwrap_err().contains("--token"));
    }
    let missing = taken(&["--token-file", "/none/here"]).token();
    let Err(Failure::Setting(error)) = missing else {
        panic!("a missing file was taken")
    };
    assert!(
        error.to_string().starts_with("--token-file: /none/here: "),
        "{error}"
    );
}
