//! `wasi:http`: it links, because runtimes of languages import it whether the logic uses it or not,
//! and the logic has no outgoing network, so that every function traps and says so.
//!
//! The functions are defined as the component imports them. So no HTTP client is part of the host.

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

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
                    linker.resource(export, ResourceType::host::<Absent>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(extended)
}

/// A resource that no function returns.
struct Absent;
