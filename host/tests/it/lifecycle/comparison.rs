//! `inspect --against` shows what a component changes for clients of an earlier one.

use serde_json::{Value, json};

use crate::harness::{Refused, Setup, built, run, task_host};
use crate::hostile::probe::{Probe, get};

fn compare(new: &Setup, old: &Setup, flags: &[&str]) -> Refused {
    let mut command = task_host();
    command.arg("inspect").arg(new.component_path());
    command.arg("--against").arg(old.component_path());
    command.args(flags);
    run(command)
}

#[track_caller]
fn report(output: &Refused) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:#?}"))
}

#[test]
fn the_same_component_changes_nothing() {
    let path = built("tasks.wasm");
    let mut command = task_host();
    command
        .arg("inspect")
        .arg(&path)
        .arg("--against")
        .arg(&path);
    let output = run(command);
    output.says(0, &[]);
    assert!(output.stdout.contains("breaks nothing for clients"));
    assert!(!output.stdout.contains("added"), "{output:#?}");
}

#[test]
fn an_added_route_passes_and_a_removed_route_fails() {
    let old = Probe::good()
        .routes([get("/things/{id}"), get("/others/{id}")])
        .setup();
    let new = Probe::good()
        .routes([get("/things/{id}"), get("/more/{id}")])
        .setup();
    let output = compare(&new, &old, &["--json"]);
    output.says(1, &["1 change breaks clients"]);
    let against = report(&output)["against"].clone();
    assert_eq!(
        against["breaking"],
        json!([{
            "kind": "route-removed",
            "route": "GET /others/{id}",
            "place": null,
            "change": "GET /others/{id}: the path is gone",
        }])
    );
    assert_eq!(
        against["added"],
        json!(["GET /more/{id}: the route is new"])
    );
    assert_eq!(against["schema"], Value::Null);

    let more = Probe::good().routes([get("/things/{id}"), get("/others/{id}"), get("/more/{id}")]);
    let output = compare(&more.setup(), &old, &["--json"]);
    output.says(0, &[]);
    let against = report(&output)["against"].clone();
    assert_eq!(against["breaking"], json!([]));
    assert_eq!(
        against["added"],
        json!(["GET /more/{id}: the route is new"])
    );
}

#[test]
fn a_schema_that_does_not_continue_the_earlier_one_fails() {
    let step = |sql: &str| Probe::good().migration("0001-more", sql);
    let old = step("create table more (id integer)").setup();
    let changed = step("create table more (id text)").setup();
    compare(&changed, &old, &[]).says(1, &["migration 0001-more was changed"]);
    let lost = compare(&Probe::good().setup(), &old, &["--json"]);
    lost.says(1, &["0001-more, which this component does not know"]);
    let schema = report(&lost)["against"]["schema"].to_string();
    assert!(schema.contains("0001-more"), "{schema}");
    let next = step("create table more (id integer)")
        .migration("0002-next", "create table next (id integer)");
    compare(&next.setup(), &old, &[]).says(0, &[]);
}

#[test]
fn only_components_that_a_host_would_serve_are_compared() {
    let good = Probe::good().setup();
    let unfit = Probe::good().routes([get("/health")]).setup();
    compare(&unfit, &good, &[]).says(1, &["no host would accept it"]);
    compare(&good, &unfit, &[]).says(1, &["--against", "no host would accept it"]);
    let mut command = task_host();
    command.arg("inspect").arg(good.component_path());
    command.args(["--against", "no-such-file.wasm"]);
    run(command).says(2, &["--against", "no-such-file.wasm"]);
}
