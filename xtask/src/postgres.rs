//! Runs the tests of the API again, on PostgreSQL.
//!
//! They are the same test programs: a variable says which database the hosts get. If PostgreSQL is
//! missing, the storage tests on PostgreSQL are left out, too.

use std::process::Command;

use testkit::postgres::Programs;
use xtask::step;

use crate::summary::Outcome;

/// The name of the tests in a summary.
pub const NAME: &str = "PostgreSQL: storage, and the API's tests on it";

/// The tests that run again: those of behaviour that a client or an operator could see change.
const TESTS: [&str; 5] = [
    "contract1::",
    "contract2::",
    "deployment::",
    "toy::",
    "http::",
];

/// Tests among them that damage the SQLite file on purpose.
const NOT: [&str; 3] = [
    "deployment::crash::",
    "deployment::fallback::",
    "deployment::gate::nothing_of_a_refused_component_stays_in_the_schema",
];

/// Runs the tests, if PostgreSQL is installed.
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
