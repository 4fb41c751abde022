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
use super::{SERVICE, imports, shape};

/// Why compiled code was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The code was compiled for another engine, or is damaged.
    #[error("the compiled code does not fit this host: {0}")]
    Unfit(String),
    /// The component needs more memory than one instance of the pool has.
    #[error("the component needs more memory than a request may use (--memory-limit): {0}")]
    TooLarge(String),
    /// The component has more parts than an instance of the pool holds: modules, memories, tables or
    /// their elements. No setting changes that.
    #[error("the component is larger than this host can run, whatever its settings: {0}")]
    TooManyParts(String),
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
    /// The component does not export these functions of the platform's `service` interface.
    #[error("the component does not export {SERVICE} with {}", .0.join(", "))]
    Export(Vec<&'static str>),
    /// A function of the component's `service` interface has another type than this host reads.
    #[error("the component's {SERVICE} does not fit this host: {0}")]
    Function(String),
}

/// What components are linked with.
pub(super) struct Linkers {
    /// Everything that the platform offers.
    pub(super) linker: Linker<State>,
    /// What it offers to calls without a fiber.
    pub(super) without_fiber: Linker<State>,
}

impl Linkers {
    pub(super) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut linkers = Linkers {
            linker: Linker::new(engine),
            without_fiber: Linker::new(engine),
        };
        imports::define(&mut linkers.linker)?;
        imports::define_without_fiber(&mut linkers.without_fiber)?;
        Ok(linkers)
    }
}

pub(super) fn load(
    engine: &Engine,
    linkers: &Linkers,
    code: &CompiledCode,
) -> Result<Program, LoadError> {
    // SAFETY: `deserialize` requires bytes that `Engine::precompile_component` made and that
    // have not been changed since. A `CompiledCode` is either the output of our own `compile`
    // child, read from its pipe, or sealed code whose HMAC was verified with a key that other users
    // cannot read. wasmtime checks version and configuration.
    let component = unsafe { Component::deserialize(engine, code.bytes()) }.map_err(unusable)?;

    let linker = &linkers.linker;
    let instance = imports::http::define(linker, &component, engine)
        .and_then(|extended| {
            extended
                .as_ref()
                .unwrap_or(linker)
                .instantiate_pre(&component)
        })
        .map_err(|error| link_error(&component, engine, &error))?;
    let component_type = component.component_type();
    // It fails if the component imports more than these calls offer.
    let without_fiber = linkers.without_fiber.instantiate_pre(&component).ok();
    let program = Program::new(instance, without_fiber, component);
    match missing(|function| program.export(SERVICE, function).is_some()) {
        None => Ok(program),
        Some(missing) => {
            let exports = names_of(component_type.exports(engine));
            Err(exports.iter().find_map(newer).unwrap_or(missing))
        }
    }
}

/// The error that names the functions of the service that are not exported. `None`: all are.
pub(super) fn missing(exports: impl Fn(&str) -> bool) -> Option<LoadError> {
    let functions = shape::SERVICE.into_iter().map(|(name, _)| name);
    let missing: Vec<_> = functions.filter(|name| !exports(name)).collect();
    (!missing.is_empty()).then_some(LoadError::Export(missing))
}

/// Why compiled code cannot be deserialized. The error of the pool's own check has no type, so it
/// is recognized by its text.
fn unusable(error: wasmtime::Error) -> LoadError {
    match format!("{error:#}") {
        text if text.contains("pooling allocator") => match error.root_cause().to_string() {
            cause if cause.contains("byte size") => LoadError::TooLarge(cause),
            cause => LoadError::TooManyParts(cause),
        },
        text => LoadError::Unfit(text),
    }
}

/// Why a component does not link, with the names of the interfaces: wasmtime's message says less.
fn link_error(component: &Component, engine: &Engine, error: &wasmtime::Error) -> LoadError {
    let imports = names_of(component.component_type().imports(engine));
    match check_imports(&imports) {
        Ok(()) => {
            let newer = imports.iter().find_map(newer);
            newer.unwrap_or_else(|| LoadError::Shape(format!("{error:#}")))
        }
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
    let mut advice: Vec<&str> = Vec::new();
    for name in unknown {
        let of_its_kind = advice_for(name);
        if !advice.contains(&of_its_kind) {
            advice.push(of_its_kind);
        }
    }
    for advice in advice {
        message.push_str("; ");
        message.push_str(advice);
    }
    Err(LoadError::Import(message))
}

/// Returns what an author can do about an unknown import. Many are not written by hand: a tool or the
/// runtime of a language adds them.
fn advice_for(name: &str) -> &'static str {
    match name.split(':').next() {
        Some("wasi") => {
            "of WASI this host offers the interfaces of wasi:cli/imports@0.2: build for WASI 0.2 \
             (wasm32-wasip2), and use the platform's sql and log instead of other interfaces"
        }
        Some("task-host") => {
            "interfaces of task-host that this host does not know need a later host"
        }
        _ => {
            "an interface of your own has to be implemented inside the component: export it, or \
             join the component with one that does (wac plug)"
        }
    }
}

fn names_of<'a, T>(items: impl Iterator<Item = (&'a str, T)>) -> Vec<String> {
    items.map(|(name, _)| name.to_owned()).collect()
}

/// The error for an interface whose version is later than this host's.
pub(super) fn newer(name: impl AsRef<str>) -> Option<LoadError> {
    let name = name.as_ref();
    let (interface, version) = split(name);
    let offered = imports::offered(interface)?;
    (numbers(version) > numbers(offered)).then(|| LoadError::Newer {
        needed: name.to_owned(),
        offered,
    })
}

/// Returns the part of a version whose change breaks those that use it: the major version, or the
/// minor one while the major version is 0.
pub(super) fn track(version: &str) -> (u64, u64) {
    match numbers(version)[..] {
        [] => (0, 0),
        [0, minor, ..] => (0, minor),
        [major, ..] => (major, 0),
    }
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

#[cfg(test)]
mod tests {
    use super::super::clearing::ClearingMode;
    use super::super::{Limits, engine};
    use super::*;

    /// Why a component with these parts is not loaded.
    fn refused(parts: &str) -> LoadError {
        let compiler = engine::compiling().unwrap();
        let component = wat::parse_str(format!("(component {parts})")).unwrap();
        let code = CompiledCode::vouched(compiler.precompile_component(&component).unwrap());
        let limits = Limits {
            instances: 1,
            spare_instances: 0,
            ..Limits::default()
        };
        let engine = engine::running(&limits, ClearingMode::Exact).unwrap();
        let linkers = Linkers {
            linker: Linker::new(&engine),
            without_fiber: Linker::new(&engine),
        };
        load(&engine, &linkers, &code)
            .err()
            .expect("it has no service")
    }

    #[test]
    fn a_component_with_more_parts_than_an_instance_has_is_refused_by_the_limit() {
        let many = |part: &str, count: usize| format!("(core module $m {})", part.repeat(count));
        let instances = |count| "(core instance (instantiate $m))".repeat(count);
        for (parts, words) in [
            (
                many("", 0) + &instances(129),
                ["129 core module instances", "maximum of 128"],
            ),
            (
                many("(memory 1)", 1) + &instances(5),
                ["5 Wasm linear memories", "maximum of 4"],
            ),
            (
                many("(table 1 funcref)", 1) + &instances(17),
                ["17 tables", "maximum of 16"],
            ),
            (
                many("(table 70000 funcref)", 1) + &instances(1),
                ["element size of 70000", "limit of 65536"],
            ),
            (
                many("(global i64 (i64.const 0))", 70_000) + &instances(1),
                ["requires", "maximum of 1048576 bytes"],
            ),
        ] {
            let error = refused(&parts);
            assert!(matches!(error, LoadError::TooManyParts(_)), "{error:?}");
            for word in words {
                assert!(error.to_string().contains(word), "{word}: {error}");
            }
        }
        let memory = refused(&(many("(memory 1025)", 1) + &instances(1)));
        assert!(matches!(memory, LoadError::TooLarge(_)), "{memory:?}");
        assert!(memory.to_string().contains("--memory-limit"), "{memory}");
    }

    #[test]
    fn a_module_may_have_several_memories_and_tables() {
        let module = "(core module $m (memory 1) (memory 1) (table 1 funcref) (table 1 funcref))
            (core instance (instantiate $m))";
        assert!(matches!(refused(module), LoadError::Export(_)));
    }
}
