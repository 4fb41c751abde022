//! `rollback` against a host that answers by script.

use clap::Parser as _;
use serde_json::json;

use super::*;
use crate::cli::client::fake::{
    DIGEST, Fake, IMPATIENT, begun, component, deployment, event, events, ok,
};
use crate::cli::{Cli, Command};

fn roll_back_on(fake: &Fake, flags: &[&str]) -> Result<(), Failure> {
    let line = ["task-host", "rollback", "--to", &fake.url];
    let Command::Rollback(args) = Cli::parse_from([&line[..], flags].concat()).command else {
        panic!("not rollback")
    };
    roll_back(&args, Report::new(Vec::new(), Style::Plain), &IMPATIENT)
}

#[test]
fn without_a_digest_the_host_knows_where_to() {
    let fake = Fake::answers([
        begun(7),
        events(&[event(0, "switch", "passed"), event(1, "end", "noted")]),
        ok(&deployment("active")),
    ]);
    assert!(roll_back_on(&fake, &[]).is_ok());
    let request = &fake.received()[0];
    assert_eq!(request.line, "POST /admin/rollback");
    assert_eq!(request.json(), json!({"digest": null}));
}

#[test]
fn the_first_digits_of_a_digest_are_enough() {
    let fake = Fake::answers([
        ok(&[component(DIGEST, false)]),
        begun(7),
        events(&[event(0, "end", "noted")]),
        ok(&deployment("rejected")),
    ]);
    assert!(roll_back_on(&fake, &["a6bffc98f5bb"]).is_err());
    assert_eq!(fake.received()[1].json(), json!({"digest": DIGEST}));
}
