//! `wasi:http`: it links, because runtimes of languages import it whether the logic uses it or not,
//! and the logic has no outgoing network, so that every function traps and says so.
//!
//! The functions are defined as the component imports them. So no HTTP client is part of the host.

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError};

use crate::state::State;

/// The interfaces that link.
pub(crate) const INTERFACES: [&str; 2] = ["wasi:http/types", "wasi:http/outgoing-handler"];

/// Defines the interfaces that a component imports. Returns `None` if it imports none of them.
pub(crate) fn define(
    linker: &Linker<State>,
    component: &Component,
    engine: &Engine,
) -> wasmtime::Result<Option<Linker<State>>> {
    let component_type = component.component_type();
    let mut extended = None;
    for (name, item) in component_type.imports(engine) {
        let interface = name.split('@').next();
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        if !interface.is_some_and(|interface| INTERFACES.contains(&interface)) {
            continue;
        }
        let linker = extended.get_or_insert_with(|| linker.clone());
        let mut linker = linker.instance(name)?;
        for (export, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => {
                    let function = format!("{name}#{export}");
                    linker.func_new(export, move |_, _, _, _| {
                        Err(wasmtime::format_err!(
                            "the logic has no outgoing network: it called {function}"
                        ))
                    })?;
                }
                ComponentItem::Resource(_) => {
                    linker.resource(export, resource(export), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(extended)
}

/// Returns the type of a resource by its name in `wasi:http`: one of `wasi:io`, which it uses, or one
/// of its own, which no function returns.
fn resource(name: &str) -> ResourceType {
    match name {
        "input-stream" => ResourceType::host::<DynInputStream>(),
        "output-stream" => ResourceType::host::<DynOutputStream>(),
        "pollable" => ResourceType::host::<DynPollable>(),
        "io-error" => ResourceType::host::<IoError>(),
        _ => ResourceType::host::<Absent>(),
    }
}

/// A resource of `wasi:http`.
struct Absent;
