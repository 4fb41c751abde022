//! The gate: each rejection has its own code and a reason that names the item, and changes nothing
//! but the history. `hostile` has more cases, which the host refuses at start.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{
    Built, built, built_of, deploy, deploy_successfully, latest, numbered, revision, status,
};
use crate::harness::{Host, Setup};
use crate::hostile::probe::{Probe, Route, get};

/// A setup with an applied migration and short limits.
fn short_limits() -> Setup {
    released()
        .setup()
        .own_cache()
        .flag("--probation", "100ms")
        .flag("--cpu-limit", "200ms")
        .flag("--memory-limit", "8MiB")
}

fn released() -> Probe {
    Probe::good().migration("0001-things", "create table things (id integer)")
}

/// Machine code that the host's own compiler made.
fn machine_code(setup: &Setup) -> Vec<u8> {
    let cache = setup.directory().join("code-cache");
    let entry = std::fs::read_dir(cache)
        .expect("the cache")
        .flatten()
        .next();
    let entry = std::fs::read(entry.expect("an entry").path()).expect("a file");
    // An entry begins with its HMAC.
    entry[32..].to_vec()
}

/// A component that imports the platform's SQL interface with the functions of a later version and
/// the name of this version.
fn misshapen() -> Vec<u8> {
    let later = b"task-host:platform/sql@1.1.0";
    let mut bytes = later_import().build();
    let places: Vec<usize> = (0..bytes.len() - later.len())
        .filter(|at| bytes[*at..].starts_with(later))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + later.len() - 3] = b'0';
    }
    bytes
}

fn later_import() -> Probe {
    let import = r#"(import "task-host:platform/sql@1.1.0" "savepoint" (func))"#;
    Probe::good().world("later-import").at("imports", import)
}

fn operation(path: &str, operation: &str) -> Route {
    Route {
        operation: operation.into(),
        ..get(path)
    }
}

/// Deploys a component, and asserts that it is rejected with this code and that nothing else
/// changed.
#[track_caller]
fn is_rejected(host: &Host, component: &Built, code: &str, words: &[&str]) {
    let before = (revision(host), status(host)["epoch"].clone());
    let output = deploy(host, component, &[]);
    let row = latest(host);
    assert_eq!(row["code"], code, "{row}");
    assert_eq!(row["outcome"], "rejected", "{row}");
    assert_eq!(row["digest"], component.digest());
    output.says(1, &[&[code], words].concat());
    let reason = row["reason"].as_str().expect("a reason");
    for word in words {
        assert!(reason.contains(word), "{word:?} is not in {reason:?}");
    }
    assert_eq!((revision(host), status(host)["epoch"].clone()), before);
}

#[test]
fn content_that_is_not_a_component_is_rejected() {
    let setup = short_limits();
    let host = setup.start();
    let good = numbered(1).build();
    let module = wat::parse_str("(module)").expect("WebAssembly");
    let cases: [(&[u8], &str, &[&str]); 5] = [
        (
            b"#!/bin/sh\nexit 0\n",
            "not-a-component",
            &["cannot be compiled: this is not a valid component: the content is not WebAssembly"],
        ),
        (
            &good[..good.len() / 2],
            "not-a-component",
            &["cannot be compiled: this is not a valid component: "],
        ),
        (
            &good[..good.len() - 1],
            "not-a-component",
            &["not a valid component"],
        ),
        (&module, "core-module", &["core WebAssembly module"]),
        (
            &machine_code(&setup),
            "precompiled-code",
            &["compiled code"],
        ),
    ];
    for (bytes, code, words) in cases {
        is_rejected(&host, &built_of(bytes), code, words);
    }
}

#[test]
fn a_component_that_does_not_fit_the_platform_is_rejected() {
    let host = short_limits().start();
    let import = r#"(import "wasi:keyvalue/store@0.2.0" "names"
        (func (param i32)))"#;
    let reaching_out = Probe::good().world("reaching-out").at("imports", import);
    let cases: [(Vec<u8>, &str, &[&str]); 6] = [
        (
            reaching_out.build(),
            "unknown-import",
            &["wasi:keyvalue/store@0.2.0"],
        ),
        (
            Probe::good().world("without-service").build(),
            "missing-export",
            &["task-host:platform/service@1.0.0", "describe"],
        ),
        (
            later_import().build(),
            "contract-newer",
            &[
                "needs task-host:platform/sql@1.1.0",
                "offers 1.0.0",
                "update the host",
            ],
        ),
        (
            Probe::good().world("later-service").build(),
            "contract-newer",
            &["needs task-host:platform/service@2.0.0", "offers 1.0.0"],
        ),
        (
            misshapen(),
            "import-shape",
            &["task-host:platform/sql@1.0.0", "savepoint"],
        ),
        (
            Probe::good().pages(129).build(),
            "memory-too-large",
            &["byte size of 8454144", "--memory-limit"],
        ),
    ];
    for (bytes, code, words) in cases {
        is_rejected(&host, &built_of(&bytes), code, words);
    }
}

#[test]
fn a_component_that_was_compiled_before_constraints_existed_runs_unchanged() {
    let has = |bytes: &[u8], word: &str| {
        let word = word.as_bytes();
        bytes.windows(word.len()).any(|part| part == word)
    };
    let (old, new) = (released().before_constraints(), released());
    assert!(!has(&old.build(), "exclusive-minimum") && has(&new.build(), "exclusive-minimum"));
    let host = old.setup().flag("--probation", "0s").start();
    let thing = || host.get("/things/7").expect(200).json();
    assert_eq!(thing(), "a thing");
    let api = host.get("/openapi.json").expect(200).json();
    let answers = &api["paths"]["/things/{id}"]["get"]["responses"];
    assert!(answers["200"].is_object(), "{answers}");
    // It follows and precedes one that states constraints.
    deploy_successfully(&host, &built(&new.returning("a new thing")), &[]);
    assert_eq!(thing(), "a new thing");
    deploy_successfully(&host, &built(&old.returning("an old thing")), &[]);
    assert_eq!(thing(), "an old thing");
}

#[test]
fn a_service_whose_description_or_self_test_fails_is_rejected() {
    let host = short_limits().start();
    let error = "(i32.store8 (i32.const 144) (i32.const 1))
        (i32.store (i32.const 148) (i32.load (i32.const 196)))
        (i32.store (i32.const 152) (i32.load (i32.const 200)))";
    for (marker, body, code, word) in [
        (
            "describe",
            "unreachable",
            "logic-trapped",
            "describe failed",
        ),
        (
            "describe",
            "(call $spin)",
            "cpu-time-exceeded",
            "describe failed",
        ),
        (
            "describe",
            "(call $eat)",
            "memory-limit-exceeded",
            "describe failed",
        ),
        ("assets", "unreachable", "logic-trapped", "assets failed"),
        ("check", "unreachable", "logic-trapped", "check failed"),
        ("check", "(call $spin)", "cpu-time-exceeded", "check failed"),
        ("check", error, "check-failed", "a thing"),
    ] {
        is_rejected(&host, &built(&released().at(marker, body)), code, &[word]);
    }
}

#[test]
fn invalid_routes_are_rejected() {
    let host = short_limits().start();
    let vault = Probe::good().world("resourceful");
    let cases: [(Probe, &str, &[&str]); 7] = [
        (
            Probe::good().routes([operation("/things/{id}", "test:probe/api#missing")]),
            "unknown-function",
            &["GET /things/{id}", "test:probe/api#missing"],
        ),
        (
            Probe::good().routes([get("/things/{id}/{more}")]),
            "unknown-path-parameter",
            &["GET /things/{id}/{more}", "{more}"],
        ),
        (
            Probe::good().routes([get("/things/{id}"), get("/things/{id}")]),
            "route-twice",
            &["GET /things/{id}"],
        ),
        (
            Probe::good().routes([get("/things/{id}"), get("/things/{name}")]),
            "unknown-path-parameter",
            &["{name}"],
        ),
        (
            vault.routes([operation("/keys/{id}", "test:probe/vault#take")]),
            "unreadable-type",
            &["test:probe/vault#take", "cannot be represented in JSON"],
        ),
        (
            Probe::good().routes([get("/metrics")]),
            "path-reserved",
            &["/metrics"],
        ),
        (
            Probe::good().routes([get("/things/{id")]),
            "path-malformed",
            &["/things/{id"],
        ),
    ];
    for (probe, code, words) in cases {
        is_rejected(&host, &built(&probe), code, words);
    }
}

#[test]
fn migrations_that_fail_or_contradict_the_applied_ones_are_rejected() {
    let host = short_limits().start();
    let step = "create table more (id integer)";
    let cases: [(Probe, &str, &[&str]); 5] = [
        (
            Probe::good().migration("0001-things", "create table things (id text)"),
            "migration-changed",
            &["0001-things"],
        ),
        (
            Probe::good()
                .migration("0000-first", step)
                .migration("0001-things", "create table things (id integer)"),
            "migration-reordered",
            &["0000-first", "0001-things"],
        ),
        (numbered(1), "migration-missing", &["0001-things"]),
        (
            released()
                .migration("0002-x", step)
                .migration("0002-x", step),
            "migration-twice",
            &["0002-x"],
        ),
        (
            released().migration("0002-x", "create table things (id integer)"),
            "migration-failed",
            &["0002-x", "already exists"],
        ),
    ];
    for (probe, code, words) in cases {
        is_rejected(&host, &built(&probe), code, words);
    }
    // The failed migration left nothing behind, so another one with its name can be applied.
    deploy_successfully(&host, &built(&released().migration("0002-x", step)), &[]);
}

#[test]
fn a_migration_that_never_ends_is_rejected_within_its_own_time_limit() {
    let setup = released().setup().flag("--probation", "0s");
    let setup = setup
        .flag("--dry-run-timeout", "300ms")
        .flag("--migration-timeout", "600ms");
    let host = setup.start();
    let endless = "create table endless as with recursive numbers (n) as \
        (select 1 union all select 2 from numbers) select count(*) as n from numbers";
    let endless = built(&released().migration("0002-endless", endless));
    for flags in [&["--dry-run"][..], &[]] {
        let output = deploy(&host, &endless, flags);
        output.says(
            1,
            &["migration-time-exceeded", "0002-endless", "did not end"],
        );
        let row = latest(&host);
        assert_eq!(row["outcome"], "rejected", "{row}");
        assert_eq!(row["code"], "migration-time-exceeded", "{row}");
    }
    // The writer is free again, and another component can use the migration's name.
    let step = "create table more (id integer)";
    deploy_successfully(
        &host,
        &built(&released().migration("0002-endless", step)),
        &[],
    );
}

#[test]
fn an_api_that_breaks_clients_is_rejected_and_each_change_is_listed() {
    let api = |interface: &str| {
        let make = Route {
            method: 1,
            ..operation("/things", &format!("test:probe/{interface}#make"))
        };
        Probe::good()
            .world("records")
            .routes([get("/things/{id}"), make])
    };
    let setup = api("whole").setup().flag("--probation", "0s");
    let host = setup.start();
    let without = api("whole").routes([get("/things/{id}")]);
    for (probe, words) in [
        (without, &["POST /things"][..]),
        (api("lacking"), &["POST /things", "weight"]),
        (api("demanding"), &["POST /things", "note"]),
        (api("narrow"), &["POST /things", "large"]),
        (api("retyped"), &["POST /things", "weight"]),
    ] {
        let component = built(&probe);
        is_rejected(&host, &component, "breaking-change", words);
        let row = latest(&host);
        let reason = row["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("1 change breaks clients"), "{reason}");
        assert_eq!(breaking(&row).len(), 1, "{row}");
        assert!(reason.ends_with(&breaking(&row)[0]), "{reason}");
    }
    // For several changes the reason has their number, and the events list them.
    let none = built(&Probe::good().world("records").routes([]));
    is_rejected(
        &host,
        &none,
        "breaking-change",
        &["2 changes break clients"],
    );
    let row = latest(&host);
    assert_eq!(breaking(&row).len(), 2, "{row}");
    let events = row["events"].as_array().expect("events");
    let compared = events.iter().filter(|event| event["stage"] == "compare");
    let took = compared.filter_map(|event| event["duration_ms"].as_f64());
    assert!(
        took.sum::<f64>() > 0.0,
        "the stage has the duration of the comparison: {row}"
    );
    deploy_successfully(&host, &none, &["--allow-breaking"]);
}

/// The changes that the events of a deployment list.
fn breaking(row: &serde_json::Value) -> Vec<String> {
    let events = row["events"].as_array().expect("events").iter();
    let lists = events.filter_map(|event| event["breaking"].as_array());
    lists
        .flatten()
        .map(|change| change.as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn content_that_does_not_match_its_digest_is_rejected() {
    let host = short_limits().start();
    let content = numbered(1).build();
    let digest: String = Sha256::digest(b"something else")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let request = host.admin("POST", "/admin/components");
    let answer = request
        .header("task-host-digest", &digest)
        .body("application/wasm", content)
        .send();
    answer.problem(422, "digest-mismatch");
    assert_eq!(latest(&host)["code"], "digest-mismatch");
    let components = host.admin("GET", "/admin/components").send().expect(200);
    assert_eq!(components.json().as_array().map(Vec::len), Some(1));
}

#[test]
fn a_text_that_can_forge_what_a_terminal_shows_is_rejected() {
    let host = short_limits().start();
    let cases = [
        (
            released().migration("0002-\u{1b}[2J", "select 1"),
            "the name of migration 2",
            "U+001B",
        ),
        (
            released().migration("0002\nok", "select 1"),
            "the name of migration 2",
            "U+000A",
        ),
        (
            released().routes([get("/things/{id}\u{202e}")]),
            "the path of route 1",
            "U+202E",
        ),
        (
            released().routes([operation("/things/{id}", "test:probe/api#get\u{9b}")]),
            "the operation of route 1",
            "U+009B",
        ),
    ];
    for (probe, what, character) in cases {
        is_rejected(&host, &built(&probe), "text-unfit", &[what, character]);
    }
}

#[test]
fn nothing_of_a_refused_component_stays_in_the_schema() {
    let setup = short_limits();
    let host = setup.start();
    let failing = released()
        .migration("0002-x", "create table x (id integer)")
        .at("check", "unreachable");
    is_rejected(&host, &built(&failing), "logic-trapped", &["check failed"]);
    let tables = tables(&setup.directory().join("data.sqlite"));
    assert!(tables.contains(&"things".to_owned()), "{tables:?}");
    assert!(!tables.contains(&"x".to_owned()), "{tables:?}");
}

/// Returns the names of the logic's tables.
fn tables(database: &Path) -> Vec<String> {
    let location = storage::Location::Sqlite(database.into());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let export = runtime.block_on(storage::export(&location));
    let tables = export.expect("a readable database").manifest.tables;
    tables.into_iter().map(|table| table.name).collect()
}
