//! A kept answer is given only for the revision that made it, whichever revisions serve beside it.

use super::{
    NEW, OLD, deploy, latest, new, revision, roll_back_to, run_successfully, setup, status,
    write_component,
};
use crate::harness::Host;
use crate::metrics::count;

const CLIENTS: u32 = 40;

/// Reads the same thing for each client. Returns the clients that the new revision serves, and how many
/// instances of the logic this took.
fn read_all(host: &Host, old: &str) -> (Vec<u32>, f64) {
    let instances = || count(host, "task_host_instantiations_total");
    let before = instances();
    let is_new = |client: &u32| {
        let request = host.request("GET", "/things/1");
        let request = request.header("task-host-client", &client.to_string());
        let answer = request.send().expect(200);
        let is_new = revision(&answer) != old;
        assert_eq!(answer.json(), if is_new { NEW } else { OLD }, "{answer}");
        is_new
    };
    let chosen = (0..CLIENTS).filter(is_new).collect();
    (chosen, instances() - before)
}

#[test]
fn kept_answers_follow_the_revision_through_canary_promotion_and_rollback() {
    let setup = setup().flag("--answer-check", "0");
    let host = setup.start();
    let old = revision(&host.get("/things/1")).to_owned();
    let digest = status(&host)["active"]["digest"].clone();
    assert_eq!(read_all(&host, &old), (vec![], 0.0), "the answer is kept");

    let component = write_component(&setup, &new().build());
    deploy(&host, &component, &["--canary", "50%"]);
    let (chosen, _) = read_all(&host, &old);
    assert!((1..CLIENTS as usize).contains(&chosen.len()), "{chosen:?}");
    let again = read_all(&host, &old);
    assert_eq!(again, (chosen, 0.0), "one answer of each revision is kept");

    run_successfully(&host, &["promote"]);
    let (chosen, _) = read_all(&host, &old);
    assert_eq!(chosen.len(), CLIENTS as usize);
    assert_eq!(read_all(&host, &old), (chosen, 0.0));

    roll_back_to(&host, digest.as_str().expect("a digest"));
    assert_eq!(latest(&host)["outcome"], "active");
    let (chosen, _) = read_all(&host, &old);
    assert!(chosen.is_empty(), "{chosen:?}");
    assert_eq!(read_all(&host, &old), (chosen, 0.0));
}
