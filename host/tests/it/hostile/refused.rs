//! Components that `serve` refuses at start: it exits with status 1 and names the part and the
//! reason.

use super::probe::{Probe, Route, file, get};

/// Asserts that `serve` refuses the component with an error that contains `words`.
#[track_caller]
fn refused(probe: &Probe, words: &[&str]) {
    probe.setup().refused().says(1, words);
}

#[test]
fn a_file_that_is_not_a_component_is_refused() {
    let module = wat::parse_str("(module)").expect("WebAssembly");
    let good = Probe::good().build();
    for (bytes, words) in [
        (&b""[..], vec!["component"]),
        (b"#!/bin/sh\nexit 0\n", vec!["component"]),
        (
            b"\x7fELF\x02\x01\x01\x00 precompiled code",
            vec!["component"],
        ),
        (&module, vec!["component", "module"]),
        (&good[..good.len() / 2], vec!["component"]),
        (&good[..good.len() - 1], vec!["component"]),
    ] {
        file(bytes).refused().says(1, &words);
    }
}

#[test]
fn the_error_names_a_component_file_that_does_not_exist() {
    let setup = crate::harness::Setup::component("/nowhere/at-all.wasm".into());
    let refused = setup.refused();
    assert!(matches!(refused.code, Some(1 | 2)), "{refused:?}");
    assert!(
        refused.stderr.contains("/nowhere/at-all.wasm"),
        "{refused:?}"
    );
}

#[test]
fn an_import_beyond_the_platform_is_refused_by_name() {
    let import = r#"(import "wasi:keyvalue/store@0.2.0" "names"
        (func (param i32)))"#;
    let probe = Probe::good().world("reaching-out").at("imports", import);
    refused(&probe, &["wasi:keyvalue/store"]);
}

#[test]
fn a_component_without_the_service_interface_is_refused() {
    refused(
        &Probe::good().world("without-service"),
        &["task-host:platform/service"],
    );
}

#[test]
fn an_operation_with_a_resource_is_refused() {
    let take = Route {
        operation: "test:probe/vault#take".into(),
        ..get("/keys/{id}")
    };
    let probe = Probe::good().world("resourceful").routes([take]);
    refused(
        &probe,
        &["test:probe/vault#take", "cannot be represented in JSON"],
    );
}

#[test]
fn a_description_that_fails_is_refused() {
    for (body, word) in [
        ("unreachable", "describe"),
        ("(call $spin)", "describe"),
        ("(call $eat)", "describe"),
        ("(drop (call $recurse (i32.const 0)))", "describe"),
        // A name outside of the memory, and one that is not UTF-8.
        (
            "(i32.store (i32.const 64) (i32.const 0x7fffffff))",
            "describe",
        ),
        ("(i32.store8 (i32.const 4096) (i32.const 0xff))", "describe"),
    ] {
        refused(&Probe::good().at("describe", body), &[word]);
    }
}

#[test]
fn a_self_test_that_fails_is_refused_with_its_reason() {
    refused(&Probe::good().at("check", "unreachable"), &["check"]);
    let error = "(i32.store8 (i32.const 144) (i32.const 1))
        (i32.store (i32.const 148) (i32.load (i32.const 196)))
        (i32.store (i32.const 152) (i32.load (i32.const 200)))";
    refused(&Probe::good().at("check", error), &["a thing"]);
}

#[test]
fn a_route_to_an_unknown_function_is_refused() {
    for operation in ["test:probe/api#missing", "test:probe/other#get", "get", ""] {
        let route = Route {
            operation: operation.into(),
            ..get("/things/{id}")
        };
        refused(&Probe::good().routes([route]), &[operation, "/things/{id}"]);
    }
}

#[test]
fn two_routes_that_match_the_same_paths_are_refused() {
    for other in ["/things/{id}", "/things/{name}"] {
        refused(
            &Probe::good().routes([get("/things/{id}"), get(other)]),
            &[other],
        );
    }
}

#[test]
fn a_route_on_one_of_the_hosts_own_paths_is_refused() {
    for path in [
        "/health",
        "/livez",
        "/readyz",
        "/docs",
        "/openapi.json",
        "/metrics",
    ] {
        refused(&Probe::good().routes([get(path)]), &[path]);
    }
}

#[test]
fn malformed_paths_are_refused() {
    for path in [
        "things/{id}",
        "",
        "/things/{id",
        "/things/{}",
        "/things/{id}/{id}",
    ] {
        refused(&Probe::good().routes([get(path)]), &[path]);
    }
}

#[test]
fn a_path_whose_parameters_do_not_match_the_function_is_refused() {
    refused(
        &Probe::good().routes([get("/things/{name}")]),
        &["/things/{name}", "name"],
    );
    refused(
        &Probe::good().routes([get("/things/{id}/{more}")]),
        &["more"],
    );
}

#[test]
fn a_route_with_a_wrong_status_or_missing_result_members_is_refused() {
    let good = get("/things/{id}");
    for (route, word) in [
        (
            Route {
                success: 404,
                ..good.clone()
            },
            "404",
        ),
        (
            Route {
                location: Some("/things/{nr}".into()),
                ..good.clone()
            },
            "nr",
        ),
        (
            Route {
                body: Some("inner".into()),
                ..good.clone()
            },
            "inner",
        ),
        (
            Route {
                etag: Some("tag".into()),
                ..good.clone()
            },
            "tag",
        ),
        (
            Route {
                next: Some("further".into()),
                ..good
            },
            "cursor",
        ),
    ] {
        refused(&Probe::good().routes([route]), &["/things/{id}", word]);
    }
}

#[test]
fn migrations_that_fail_or_exceed_their_rights_are_refused() {
    for (sql, word) in [
        ("create table broken (", "0001-step"),
        ("attach database '/tmp/x' as x", "0001-step"),
        ("drop table task_host_migrations", "0001-step"),
        ("pragma writable_schema = on", "0001-step"),
        ("create table task_host_mine (id integer)", "0001-step"),
        (
            "create table a (id integer); commit; begin; create table b (id integer)",
            "0001-step",
        ),
    ] {
        refused(&Probe::good().migration("0001-step", sql), &[word]);
    }
    let twice = Probe::good()
        .migration("0001-step", "create table a (id integer)")
        .migration("0001-step", "create table b (id integer)");
    refused(&twice, &["0001-step"]);
}
