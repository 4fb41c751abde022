//! The table of deployments, as it looks.

use super::*;
use crate::cli::client::fake::deployment;
use contract::deployment::Kind;

#[test]
fn deployments_fit_into_eighty_columns_with_their_reasons_below() {
    let mut deployments = ["running", "rolled-back", "rejected", "active"].map(deployment);
    for (id, deployment) in (7..).zip(deployments.iter_mut().rev()) {
        deployment.id = id;
    }
    deployments[0].actor = "a-very-long-name (token)".to_owned();
    deployments[1].reason = Some(
        "12 of 30 requests failed, and 0 of 200 of the revision before, which is more than 5 % \
         above it"
            .to_owned(),
    );
    deployments[2].digest = String::new();
    deployments[3].kind = Kind::Rollback.into();
    let text = table(&deployments);
    assert!(
        text.lines().all(|line| line.chars().count() <= show::WIDTH),
        "{text}"
    );
    let expected = "\
ID  DIGEST        KIND      OUTCOME      BEGAN (UTC)        TOOK  BY
10  a6bffc98f5bb  deploy    running      2026-01-02 03:04      -  a-very-long-n…
 9  a6bffc98f5bb  deploy    rolled-back  2026-01-02 03:04  1.5 s  alice (token)
      check-failed: 12 of 30 requests failed, and 0 of 200 of the revision
      before, which is more than 5 % above it
 8  -             deploy    rejected     2026-01-02 03:04  1.5 s  alice (token)
      check-failed: the component's self-test failed: no
 7  a6bffc98f5bb  rollback  active       2026-01-02 03:04  1.5 s  alice (token)
";
    assert_eq!(text, expected);
}

#[test]
fn without_deployments_only_the_headings_are_left() {
    let expected = "ID  DIGEST  KIND  OUTCOME  BEGAN (UTC)  TOOK  BY\n";
    assert_eq!(table(&[]), expected);
}
