//! The interfaces that a component may import: SQL and events in the call's transaction, log lines,
//! and WASI with nothing granted.

mod events;
pub(super) mod http;
mod log;
mod sql;
pub(super) mod wasi;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::task_host::platform;
use super::state::State;

/// Defines the imports of calls that run without a fiber: those of the platform, and a part of WASI. A
/// component that imports more always runs on a fiber.
pub(super) fn define_without_fiber(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    sql::define_without_fiber(linker)?;
    platform::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    platform::events::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wasi::define_without_fiber(linker)
}

/// Defines every import that the platform offers.
pub(super) fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    platform::sql::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    platform::log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    platform::events::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wasi::define(linker)
}

/// The interfaces of the platform between components and this host, with the version that the host
/// has: what [`define`] defines, the types that these interfaces use, and what components export.
/// Used for error messages.
const PLATFORM: [(&str, &str); 5] = [
    ("task-host:platform/service", "1.0.0"),
    ("task-host:platform/sql", "1.0.0"),
    ("task-host:platform/log", "1.0.0"),
    ("task-host:platform/events", "1.0.0"),
    ("task-host:platform/types", "1.0.0"),
];

/// Returns the version of an interface that this host offers, or `None` if it offers no version of
/// it.
pub(super) fn offered(interface: &str) -> Option<&'static str> {
    let platform = PLATFORM.iter().find(|(name, _)| *name == interface);
    let wasi = || {
        let mut interfaces = wasi::INTERFACES.iter().chain(&http::INTERFACES);
        let offered = interfaces.any(|name| *name == interface);
        offered.then_some(wasi::VERSION)
    };
    platform.map(|(_, version)| *version).or_else(wasi)
}
