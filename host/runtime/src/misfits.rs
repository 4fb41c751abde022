//! The imports of a component whose functions have other types than this host's, before anything is
//! compiled.
//!
//! wasmtime compares the types, and stops at the first difference. So each function that does not fit is
//! replaced by one that fits every type, and the comparison goes on. What is compared is an outline: the
//! imports of the component, without its code.

use wasm_encoder::{ComponentSection as _, RawSection};
use wasmparser::{Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use super::state::State;
use super::{imports, load};

/// An import of another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The interface, with its version.
    pub(super) interface: String,
    /// What differs: it names the function and the interface.
    pub(super) what: String,
}

/// Returns every import that has another type than this host's. Of interfaces that this host does not offer, it
/// says nothing.
///
/// # Errors
/// Returns an error if the bytes are not a component, which the compiler explains better.
pub(super) fn of(engine: &Engine, component: &[u8]) -> wasmtime::Result<Vec<Misfit>> {
    let outline = Component::new(engine, outline(component)?)?;
    let mut linker = Linker::new(engine);
    imports::define(&mut linker)?;
    if let Some(extended) = imports::http::define(&linker, &outline, engine)? {
        linker = extended;
    }
    let difference = |linker: &Linker<State>| linker.substituted_component_type(&outline).err();
    let mut misfits = Vec::new();
    let mut left = difference(&linker);
    linker.allow_shadowing(true);
    for import in imported(&outline, engine) {
        let Some(first) = &left else { break };
        import.replace(&mut linker)?;
        let now = difference(&linker);
        if now.as_ref().map(text) != Some(text(first)) && import.is_offered() {
            misfits.push(import.misfit(first));
        }
        left = now;
    }
    Ok(misfits)
}

/// A function or a resource that a component imports.
struct Import {
    /// The interface; without a name in it, the import is the function itself.
    interface: String,
    name: Option<String>,
    is_function: bool,
}

/// Returns the imports in the order in which wasmtime compares them.
fn imported(component: &Component, engine: &Engine) -> Vec<Import> {
    let mut found = Vec::new();
    let mut add = |interface: &str, name: Option<&str>, item: &ComponentItem| {
        let is_function = matches!(item, ComponentItem::ComponentFunc(_));
        if is_function || matches!(item, ComponentItem::Resource(_)) {
            found.push(Import {
                interface: interface.to_owned(),
                name: name.map(str::to_owned),
                is_function,
            });
        }
    };
    for (interface, item) in component.component_type().imports(engine) {
        match &item.ty {
            ComponentItem::ComponentInstance(instance) => {
                for (name, item) in instance.exports(engine) {
                    add(interface, Some(name), &item.ty);
                }
            }
            other => add(interface, None, other),
        }
    }
    found
}

impl Import {
    /// The name under which this host defines the interface. `None` if it does not offer this version.
    fn defined_as(&self) -> Option<String> {
        let (interface, version) = load::split(&self.interface);
        let offered = imports::offered(interface)?;
        (load::track(version) == load::track(offered)).then(|| format!("{interface}@{offered}"))
    }

    fn is_offered(&self) -> bool {
        self.defined_as().is_some()
    }

    /// Defines the import so that it fits. The resources of this host stay: they fit if others refer to them.
    fn replace(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        let defined = self.defined_as();
        let (mut place, name) = match &self.name {
            Some(name) => {
                let interface = defined.as_deref().unwrap_or(&self.interface);
                (linker.instance(interface)?, name)
            }
            None => (linker.root(), &self.interface),
        };
        match (self.is_function, defined) {
            (true, _) => place.func_new(name, |_, _, _, _| {
                Err(wasmtime::format_err!("an outline is never called"))
            }),
            (false, None) => place.resource(name, ResourceType::host::<Unknown>(), |_, _| Ok(())),
            (false, Some(_)) => Ok(()),
        }
    }

    fn misfit(&self, difference: &wasmtime::Error) -> Misfit {
        let (place, outer) = match &self.name {
            Some(name) => (format!("{name} of {}", self.interface), 2),
            None => (self.interface.clone(), 1),
        };
        // The outer causes name the place, in the words of those who link.
        let causes = difference.chain().skip(outer).map(ToString::to_string);
        let causes: Vec<_> = causes.collect();
        Misfit {
            interface: self.interface.clone(),
            what: format!("{place}: {}", causes.join(": ")),
        }
    }
}

fn text(error: &wasmtime::Error) -> String {
    format!("{error:#}")
}

/// A resource of an interface that this host does not offer.
struct Unknown;

/// Returns a component with the same imports and nothing else. Tools put the imports first, with the types that
/// they refer to; imports that follow other parts are left out.
fn outline(component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut outline = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match &payload {
            Payload::Version { range, .. } => outline.extend(&component[range.clone()]),
            Payload::CustomSection(_) => {}
            Payload::ComponentTypeSection(_)
            | Payload::ComponentAliasSection(_)
            | Payload::ComponentImportSection(_) => {
                if let Some((id, range)) = payload.as_section() {
                    RawSection {
                        id,
                        data: &component[range],
                    }
                    .append_to_component(&mut outline);
                }
            }
            _ => break,
        }
    }
    Ok(outline)
}

#[cfg(test)]
mod tests {
    use super::super::engine;
    use super::*;

    fn misfits(parts: &str) -> Vec<String> {
        let component = wat::parse_str(format!("(component {parts})")).unwrap();
        let misfits = of(&engine::compiling().unwrap(), &component).unwrap();
        misfits.into_iter().map(|misfit| misfit.what).collect()
    }

    /// An import of an interface with these functions.
    fn import(name: &str, functions: &str) -> String {
        format!("(import \"{name}\" (instance {functions}))")
    }

    const NOW: &str = r#"(type $d (record (field "seconds" u64) (field "nanoseconds" u32)))
        (export "datetime" (type $e (eq $d))) (export "now" (func (result $e)))"#;

    #[test]
    fn imports_of_the_right_types_fit() {
        assert_eq!(misfits(""), [""; 0]);
        let clock = import("wasi:clocks/wall-clock@0.2.3", NOW);
        assert_eq!(misfits(&clock), [""; 0]);
    }

    #[test]
    fn every_import_of_another_type_is_named_and_not_only_the_first() {
        let parts = [
            import("wasi:clocks/wall-clock@0.2.0", NOW),
            import(
                "wasi:random/random@0.2.0",
                r#"(export "get-random-u64" (func (result u32)))
                   (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
                   (export "shuffle" (func))"#,
            ),
            import("acme:mail/outbox", r#"(export "send" (func))"#),
            r#"(import "acme:mail/inbox" (func))"#.to_owned(),
            import(
                "task-host:platform/sql@1.0.0",
                r#"(export "execute" (func (param "statement" u32) (result u64)))"#,
            ),
            import(
                "wasi:cli/exit@0.2.0",
                r#"(export "exit" (func (param "code" u8)))"#,
            ),
        ];
        let found = misfits(&parts.concat());
        let places: Vec<_> = found.iter().map(|what| what.split(": ").next()).collect();
        assert_eq!(
            places,
            [
                "get-random-u64 of wasi:random/random@0.2.0",
                "shuffle of wasi:random/random@0.2.0",
                "execute of task-host:platform/sql@1.0.0",
                "exit of wasi:cli/exit@0.2.0",
            ]
            .map(Some)
        );
        assert_eq!(
            found[0],
            "get-random-u64 of wasi:random/random@0.2.0: type mismatch with results: \
             expected `u64` found `u32`"
        );
        assert_eq!(
            found[1],
            "shuffle of wasi:random/random@0.2.0: function implementation is missing"
        );
    }

    #[test]
    fn a_function_in_the_place_of_an_interface_does_not_fit() {
        let function = r#"(import "wasi:cli/exit@0.2.0" (func))"#;
        assert_eq!(
            misfits(function),
            ["wasi:cli/exit@0.2.0: expected function found instance"]
        );
    }

    #[test]
    fn an_outline_has_the_imports_and_no_code() {
        let parts = import("wasi:clocks/wall-clock@0.2.3", NOW);
        let component = |parts: &str| wat::parse_str(format!("(component {parts})")).unwrap();
        let code = "(core module $m (func (export \"f\"))) (core instance (instantiate $m))";
        let (alone, whole) = (component(&parts), component(&(parts.clone() + code)));
        assert!(alone.len() < whole.len());
        assert_eq!(outline(&whole).unwrap(), outline(&alone).unwrap());
    }
}
