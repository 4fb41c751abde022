//! The API's tests once more, on PostgreSQL.
//!
//! They are the same programs: a variable tells them which database the hosts are given. What is
//! missing without PostgreSQL is more than this: the tests of the storage layer pass over it too.

use std::process::Command;

use testkit::postgres::Programs;
use xtask::step;

use crate::summary::Outcome;

/// What it is called in the summary.
pub const NAME: &str = "PostgreSQL: storage, and the API's tests on it";

/// Which tests run again: those that a client or an operator would notice a difference in.
const TESTS: [&str; 5] = [
    "contract1::",
    "contract2::",
    "deployment::",
    "toy::",
    "http::",
];

/// What of them breaks SQLite's file by hand, to see what the host makes of it.
const NOT: [&str; 3] = [
    "deployment::crash::",
    "deployment::fallback::",
    "deployment::gate::nothing_of_a_refused_component_stays_in_the_schema",
];

/// Runs the API's tests on PostgreSQL, where it is installed.
pub fn run(mut tests: Command) -> Outcome {
    if Programs::find().is_none() {
        return Outcome::LeftOut {
            why: "PostgreSQL 15 or newer is missing".into(),
            remedy: "apt install postgresql (its server need not run; the tests start their own)"
                .into(),
        };
    }
    step::announce("Running the API's tests on PostgreSQL…");
    tests.args(["--test", "it", "--"]).args(TESTS);
    tests.args(NOT.iter().flat_map(|name| ["--skip", name]));
    tests.env("TASK_HOST_TEST_ENGINE", "postgres");
    match step::run(&mut tests) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}
