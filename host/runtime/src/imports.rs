//! The interfaces that a component may import, one file for each: SQL and events in the call's
//! transaction, log lines, a clock that stands still, and random bytes.

mod events;
mod log;
mod sql;
mod wasi;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::task_host::platform;
use super::bindings::wasi::clocks::wall_clock;
use super::bindings::wasi::random::random;
use super::state::State;

/// Defines every import that the platform offers.
pub(super) fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    platform::sql::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    platform::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    platform::events::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wall_clock::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    random::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// The interfaces between components and this host, with the version that the host has: what
/// [`define`] defines, the types that these interfaces use, and what components export. Used for
/// error messages.
const OFFERED: [(&str, &str); 7] = [
    ("task-host:platform/service", "1.0.0"),
    ("task-host:platform/sql", "1.0.0"),
    ("task-host:platform/log", "1.0.0"),
    ("task-host:platform/events", "1.0.0"),
    ("task-host:platform/types", "1.0.0"),
    ("wasi:clocks/wall-clock", "0.2.0"),
    ("wasi:random/random", "0.2.0"),
];

/// Returns the version of an interface that this host offers, or `None` if it offers no version of
/// it.
pub(super) fn offered(interface: &str) -> Option<&'static str> {
    let found = OFFERED.iter().find(|(name, _)| *name == interface)?;
    Some(found.1)
}
