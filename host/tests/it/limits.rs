//! The limits of logic, and what happens to other requests if one exceeds them.

mod admission;
mod departure;
mod fairness;
mod faults;
mod sandbox;

use crate::harness::Setup;

/// The counter service with time limits that no request of these tests reaches.
fn counter_with_long_limits() -> Setup {
    counter_with_long_deadlines().flag("--cpu-limit", "60s")
}

/// The counter service with wall-clock limits that no request of these tests reaches.
fn counter_with_long_deadlines() -> Setup {
    Setup::counter()
        .flag("--request-timeout", "60s")
        .flag("--write-hold", "60s")
}
