//! The OpenAPI document of the task API, against the committed one.

use crate::harness::Setup;

/// The committed document. A change of the API shows in a review as a change of this file. To write
/// it again, run the test with `UPDATE_SNAPSHOTS=1`.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/openapi.json");

#[test]
fn the_document_is_the_committed_one() {
    let host = Setup::tasks().start();
    let mut document = host.get("/openapi.json").expect(200).json();
    // Not part of the API: it changes with every release of the component.
    document["info"]["version"] = "".into();
    let document = format!("{document:#}\n");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(COMMITTED, &document).expect("the file is written");
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        document == committed,
        "the task API's document differs from {COMMITTED}; if that is intended, run this test \
         again with UPDATE_SNAPSHOTS=1 and commit the file"
    );
}
