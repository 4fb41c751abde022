//! Gives a component a second way out for its results: where they lie, instead of what they are.
//!
//! wasmtime lifts the result of a function that it knows only at run time into values that own
//! every string and every field's name, which takes most of the time of a long list. So the
//! compiler adds to each exported interface `a:b/c` an instance `direct-a:b/c` with the same core
//! functions, lifted to return the address of their result, and beside them a function that gives
//! a view of the memory. The host reads the result there, by the canonical ABI. A function whose shape
//! is not known here simply gets no second way.
//!
//! Where that is so, lifted functions lose their post-return as well: an instance ends with its call.
//! All else that the component had stays as it was.

mod added;
mod lifts;
mod view;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use wasm_encoder::{CanonicalFunctionSection, RawSection};
use wasmparser::types::TypesRef;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentExternalKind, ComponentInstance, Parser, Payload,
    Validator, WasmFeatures,
};

use self::added::{Added, Memory};

/// The instance that gives the view of the memory, and its function.
pub(super) const MEMORY: (&str, &str) = ("direct-memory:direct/memory", "view");

/// Changes with what is added, so that code compiled with other additions is made anew.
pub(super) const VERSION: &[u8] = b"direct results 2";

/// The instance beside an interface.
pub(super) fn beside(interface: &str) -> String {
    format!("direct-{interface}")
}

/// The component with what is added, where anything can be.
pub(super) fn with_direct_results(component: &[u8]) -> Option<Vec<u8>> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut found = Found::default();
    let mut copy = wasm_encoder::Component::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.ok()?;
        if let Payload::End(_) = payload {
            if depth == 0 {
                // Before the validator forgets the types.
                return found.add_to(copy, validator.types(0)?);
            }
            depth -= 1;
        } else if depth == 0 {
            found.note(&payload, validator.types(0))?;
            if let Some((id, range)) = payload.as_section() {
                let data = component.get(range)?;
                match lifts(&payload) {
                    Some(lifts) => copy.section(&lifts),
                    None => copy.section(&RawSection { id, data }),
                };
            }
        }
        if matches!(
            payload,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
        ) {
            depth += 1;
        }
        validator.payload(&payload).ok()?;
    }
    None
}

/// The lifted functions of a section that holds nothing else.
fn lifts(payload: &Payload<'_>) -> Option<CanonicalFunctionSection> {
    match payload {
        Payload::ComponentCanonicalSection(section) => lifts::without_post_return(section),
        _ => None,
    }
}

/// A core function, lifted.
struct Lift {
    core: u32,
    options: Options,
}

/// What a lifted or lowered function works with.
#[derive(Clone, Copy, Default)]
struct Options {
    memory: Option<u32>,
    realloc: Option<u32>,
}

/// What the component consists of, by the indices of its outermost level.
#[derive(Default)]
struct Found<'a> {
    lifts: HashMap<u32, Lift>,
    /// The first memory that goes with a function to allocate in it.
    memory: Option<Memory>,
    /// The functions of the instances made here, by name.
    instances: HashMap<u32, Vec<(&'a str, u32)>>,
    exports: Vec<(&'a str, u32)>,
}

impl<'a> Found<'a> {
    /// Takes notice of a section before the validator counts it.
    fn note(&mut self, payload: &Payload<'a>, types: Option<TypesRef<'_>>) -> Option<()> {
        match payload {
            Payload::ComponentCanonicalSection(section) => {
                let mut index = types?.component_function_count();
                for function in section.clone() {
                    match function.ok()? {
                        CanonicalFunction::Lift {
                            core_func_index: core,
                            options,
                            ..
                        } => {
                            if let Some(options) = self.options(&options) {
                                self.lifts.insert(index, Lift { core, options });
                            }
                            index += 1;
                        }
                        CanonicalFunction::Lower { options, .. } => {
                            self.options(&options);
                        }
                        // Everything else makes a core function, too.
                        _ => {}
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                let first = types?.component_instance_count();
                for (index, instance) in (first..).zip(section.clone()) {
                    self.instances.insert(index, functions(instance.ok()?));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    if export.kind == ComponentExternalKind::Instance {
                        self.exports.push((export.name.name, export.index));
                    }
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Reads a function's options; none where one of them changes what its result looks like.
    fn options(&mut self, options: &[CanonicalOption]) -> Option<Options> {
        let mut known = Options::default();
        for option in options {
            match option {
                CanonicalOption::Memory(index) => known.memory = Some(*index),
                CanonicalOption::Realloc(index) => known.realloc = Some(*index),
                CanonicalOption::UTF8 | CanonicalOption::PostReturn(_) => {}
                _ => return None,
            }
        }
        if let (None, Some(memory), Some(realloc)) = (&self.memory, known.memory, known.realloc) {
            self.memory = Some(Memory { memory, realloc });
        }
        Some(known)
    }

    fn add_to(&self, component: wasm_encoder::Component, types: TypesRef<'_>) -> Option<Vec<u8>> {
        let mut added = Added::new(types, self.memory?);
        for (name, index) in &self.exports {
            let mut functions = Vec::new();
            for (function, lifted) in self.instances.get(index).into_iter().flatten() {
                if let Some(lift) = self.lifts.get(lifted)
                    && let Some(direct) = added.lift(lift, *index, function)
                {
                    functions.push((*function, direct));
                }
            }
            if !functions.is_empty() {
                added.interface(beside(name), &functions);
            }
        }
        Some([component.finish(), added.finish()].concat())
    }
}

/// The functions that an instance exports. Tools made with wit-component instantiate a component
/// that hands its imports on under their names.
fn functions(instance: ComponentInstance<'_>) -> Vec<(&str, u32)> {
    match instance {
        ComponentInstance::Instantiate { args, .. } => args
            .iter()
            .filter(|arg| arg.kind == ComponentExternalKind::Func)
            .filter_map(|arg| Some((arg.name.strip_prefix("import-func-")?, arg.index)))
            .collect(),
        ComponentInstance::FromExports(exports) => exports
            .iter()
            .filter(|export| export.kind == ComponentExternalKind::Func)
            .map(|export| (export.name.name, export.index))
            .collect(),
    }
}
