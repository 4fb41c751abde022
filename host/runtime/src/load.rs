//! Loads compiled code into the engine. This is the only place where the host trusts bytes to be
//! machine code.

#![expect(
    unsafe_code,
    reason = "deserializing compiled code cannot be checked; the proof is at the only call"
)]

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::compiler::CompiledCode;
use super::program::Program;
use super::state::State;
use super::{SERVICE, imports, interfaces};

/// Why compiled code was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The code was compiled for another engine, or is damaged.
    #[error("the compiled code does not fit this host: {0}")]
    Unfit(String),
    /// The component needs more memory than one instance of the pool has.
    #[error("the component needs more memory than a request may use (--memory-limit): {0}")]
    TooLarge(String),
    /// The component imports an interface that the platform does not offer.
    #[error("the component imports interfaces that this host does not offer: {0}")]
    Import(String),
    /// The component imports an interface of the platform with other functions or types.
    #[error(
        "the component imports an interface with other functions or types than this host offers: {0}"
    )]
    Shape(String),
    /// The component was built for a later version of the platform.
    #[error("the component needs {needed}, but this host offers {offered}; update the host")]
    Newer {
        /// The interface, with the version that the component needs.
        needed: String,
        /// The version that the host has.
        offered: &'static str,
    },
    /// The component does not export a function of the platform's `service` interface.
    #[error("the component does not export {SERVICE} with {0}")]
    Export(&'static str),
}

pub(super) fn load(
    engine: &Engine,
    linker: &Linker<State>,
    code: &CompiledCode,
) -> Result<Program, LoadError> {
    // SAFETY: `deserialize` requires bytes that `Engine::precompile_component` made and that
    // have not been changed since. A `CompiledCode` is either the output of our own `compile`
    // child, read from its pipe, or sealed code whose HMAC was verified with a key that other users
    // cannot read. wasmtime checks version and configuration.
    let component = unsafe { Component::deserialize(engine, code.bytes()) }.map_err(unusable)?;

    let instance = linker
        .instantiate_pre(&component)
        .map_err(|error| link_error(&component, engine, &error))?;
    let component_type = component.component_type();
    let program = Program::new(instance, component);
    for function in interfaces::SERVICE_FUNCTIONS {
        if program.export(SERVICE, function).is_none() {
            let exports = names_of(component_type.exports(engine));
            return Err(newer(&exports).unwrap_or(LoadError::Export(function)));
        }
    }
    Ok(program)
}

/// Why compiled code cannot be deserialized. The error of the pool's own check has no type, so it
/// is recognized by its text.
fn unusable(error: wasmtime::Error) -> LoadError {
    match format!("{error:#}") {
        text if text.contains("pooling allocator") => {
            LoadError::TooLarge(error.root_cause().to_string())
        }
        text => LoadError::Unfit(text),
    }
}

/// Why a component does not link, with the names of the interfaces: wasmtime's message says less.
fn link_error(component: &Component, engine: &Engine, error: &wasmtime::Error) -> LoadError {
    let imports = names_of(component.component_type().imports(engine));
    match check_imports(&imports) {
        Ok(()) => newer(&imports).unwrap_or_else(|| LoadError::Shape(format!("{error:#}"))),
        Err(unknown) => unknown,
    }
}

/// Checks that this host offers these interfaces, in any version.
///
/// # Errors
/// Returns [`LoadError::Import`], with the names of those that it does not offer.
pub(super) fn check_imports(imports: &[String]) -> Result<(), LoadError> {
    let unknown: Vec<&str> = imports
        .iter()
        .map(String::as_str)
        .filter(|name| imports::offered(split(name).0).is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut message = unknown.join(", ");
    if unknown.iter().any(|name| name.starts_with("wasi:")) {
        // Authors do not write these imports. A language's runtime adds them.
        message.push_str(
            "; of WASI this host offers only wall-clock and random: build Rust for \
             wasm32-unknown-unknown, and let the tools of other languages stub WASI",
        );
    }
    Err(LoadError::Import(message))
}

fn names_of<'a, T>(items: impl Iterator<Item = (&'a str, T)>) -> Vec<String> {
    items.map(|(name, _)| name.to_owned()).collect()
}

/// The error for the first of these interfaces whose version is later than this host's.
pub(super) fn newer(names: &[String]) -> Option<LoadError> {
    names.iter().find_map(|name| {
        let (interface, version) = split(name);
        let offered = imports::offered(interface)?;
        (numbers(version) > numbers(offered)).then(|| LoadError::Newer {
            needed: name.clone(),
            offered,
        })
    })
}

/// Splits an interface's name from its version.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// A version's numbers, the most significant first.
pub(super) fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}
