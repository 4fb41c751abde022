//! Loads compiled code into the engine: the one place where the host trusts bytes to be machine
//! code.

#![expect(
    unsafe_code,
    reason = "deserializing compiled code cannot be checked; the proof is at the one call"
)]

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::compiler::CompiledCode;
use super::program::Program;
use super::state::State;
use super::{SERVICE, imports};

/// Why compiled code did not become a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It was made by another engine, or is damaged.
    #[error("the compiled code does not fit this host: {0}")]
    Unfit(String),
    /// The component needs more than the pool gives one instance.
    #[error("the component needs more than a request may have (--memory-limit): {0}")]
    TooLarge(String),
    /// It imports what the platform does not offer.
    #[error("the component imports what this host does not offer: {0}")]
    Import(String),
    /// It imports an interface of the platform in another shape.
    #[error("the component imports an interface in another shape than this host offers: {0}")]
    Shape(String),
    /// It was built for a later version of the platform.
    #[error("the component needs {needed}, where this host offers {offered}; update the host")]
    Newer {
        /// The interface with the version that it needs.
        needed: String,
        /// The version that the host has.
        offered: &'static str,
    },
    /// It does not export the platform's interface.
    #[error("the component does not export {SERVICE} with {0}")]
    Export(&'static str),
}

pub(super) fn load(
    engine: &Engine,
    linker: &Linker<State>,
    code: &CompiledCode,
) -> Result<Program, LoadError> {
    // SAFETY: `deserialize` demands bytes that `Engine::precompile_component` made and that
    // nobody changed since. A `CompiledCode` exists only as the output of our own `compile`
    // child, read from its pipe, or as a cache entry whose HMAC was verified with a key that
    // only this host reads. Wasmtime itself checks version and configuration.
    let component = unsafe { Component::deserialize(engine, code.bytes()) }.map_err(unusable)?;

    let instance = linker
        .instantiate_pre(&component)
        .map_err(|error| link_error(&component, engine, &error))?;
    let component_type = component.component_type();
    let program = Program::new(instance, component);
    for function in ["describe", "assets", "check", "health"] {
        if program.export(SERVICE, function).is_none() {
            let exports = names_of(component_type.exports(engine));
            return Err(newer(&exports).unwrap_or(LoadError::Export(function)));
        }
    }
    Ok(program)
}

/// Why compiled code is not taken. The pool's own check comes first, and is told by its words only.
fn unusable(error: wasmtime::Error) -> LoadError {
    match format!("{error:#}") {
        text if text.contains("pooling allocator") => {
            LoadError::TooLarge(error.root_cause().to_string())
        }
        text => LoadError::Unfit(text),
    }
}

/// Why a component does not link, by name; wasmtime's message alone says less.
fn link_error(component: &Component, engine: &Engine, error: &wasmtime::Error) -> LoadError {
    let imports = names_of(component.component_type().imports(engine));
    let unknown: Vec<&str> = imports
        .iter()
        .map(String::as_str)
        .filter(|name| imports::offered(split(name).0).is_none())
        .collect();
    if unknown.is_empty() {
        return newer(&imports).unwrap_or_else(|| LoadError::Shape(format!("{error:#}")));
    }
    let mut message = unknown.join(", ");
    if unknown.iter().any(|name| name.starts_with("wasi:")) {
        // Nobody writes these imports: a language's runtime brings them along.
        message.push_str(
            "; of WASI there is wall-clock and random: build Rust for wasm32-unknown-unknown, \
             and let the tools of other languages stub WASI",
        );
    }
    LoadError::Import(message)
}

fn names_of<'a, T>(items: impl Iterator<Item = (&'a str, T)>) -> Vec<String> {
    items.map(|(name, _)| name.to_owned()).collect()
}

/// The first interface of the platform whose version is later than this host's.
fn newer(names: &[String]) -> Option<LoadError> {
    names.iter().find_map(|name| {
        let (interface, version) = split(name);
        let offered = imports::offered(interface)?;
        (numbers(version) > numbers(offered)).then(|| LoadError::Newer {
            needed: name.clone(),
            offered,
        })
    })
}

/// An interface's name, and its version.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// A version's numbers, in the order in which they count.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}
