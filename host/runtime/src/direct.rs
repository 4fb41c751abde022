//! Adds direct variants of the exported functions to a component before it is compiled: functions
//! that return the address of their result instead of the result.
//!
//! # Why
//! The host knows a component's functions only at run time. wasmtime lifts the result of such a
//! function into a tree of `Val`s in which every string and every field's name is allocated. For a
//! long list that takes most of the time of the request. With the address of the result and a view
//! of the instance's memory, the host writes JSON straight from that memory.
//!
//! # What is added
//! An exported function is a core function with a type, "lifted" by a `canon lift` definition. By
//! the canonical ABI, a core function whose result does not fit into one flat value returns the
//! address of the result in linear memory. So the same core function can be lifted a second time,
//! with the result type `u32`. For an interface `a:b/c` with a function `f`, and once for the
//! component, the following exports are added behind the component's own sections:
//!
//! ```text
//! direct-a:b/c                 f: func(<the parameters of f>) -> u32
//! direct-memory:direct/memory  view: func() -> list<u8>
//! ```
//!
//! `view` returns a list with the address 0 and the length of the whole memory. wasmtime gives such
//! a list to the host as a slice of the memory, without a copy.
//!
//! # How they are used
//! 1. The compiler child calls [`with_direct_functions`] and compiles the result.
//! 2. `Program::operation` looks up the direct variant and `view`, or else the plain function.
//! 3. `Program::call` calls both on the same instance, one after the other, and passes memory and
//!    address to the caller.
//! 4. `transcode` reads the value there (its module `layout`). It checks every address, length and
//!    discriminant, because the guest wrote them.
//!
//! # What stays as it is
//! A component or a function of a shape that this module does not know gets no direct variant. Its
//! results are lifted by wasmtime, more slowly, with the same outcome.
//!
//! If something is added, the component's own lifted functions lose their `post-return` function,
//! which would free the result. An instance ends with its call, so nothing has to be freed, and
//! wasmtime would look these functions up for every instance. Everything else stays byte for byte.

mod additions;
mod memory_view;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use wasm_encoder::{CanonicalFunctionSection, RawSection};
use wasmparser::types::TypesRef;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentCanonicalSectionReader, ComponentExternalKind,
    ComponentInstance, Parser, Payload, Validator, WasmFeatures,
};

use self::additions::{Additions, GuestMemory};
pub(crate) use self::memory_view::view;

/// A function of an exported interface.
pub(super) struct FunctionName {
    pub(super) interface: &'static str,
    pub(super) function: &'static str,
}

/// The function that returns a view of the whole memory.
pub(super) const MEMORY_VIEW: FunctionName = FunctionName {
    interface: "direct-memory:direct/memory",
    function: "view",
};

/// Part of the engine's fingerprint. It must change whenever this module adds something else, so
/// that code with other additions is compiled again.
pub(super) const VERSION: &[u8] = b"direct results 2";

/// Returns the name of the interface with the direct variants of an interface's functions.
pub(super) fn interface_of(interface: &str) -> String {
    format!("direct-{interface}")
}

/// Returns the component with direct variants of its functions, or `None` if the bytes are not a
/// component or it has no memory with a function that allocates in it. `view` is the index of the core
/// function that returns a view of this memory, if the component has one.
pub(super) fn with_direct_functions(component: &[u8], view: Option<u32>) -> Option<Vec<u8>> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut inventory = Inventory {
        view,
        ..Inventory::default()
    };
    let mut copy = wasm_encoder::Component::new();
    // Nesting depth of the current payload: modules and components contain sections of their own.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.ok()?;
        if let Payload::End(_) = payload {
            if depth == 0 {
                // The validator drops its types when it sees the end.
                return inventory.add_to(copy, validator.types(0)?);
            }
            depth -= 1;
        } else if depth == 0 {
            inventory.record(&payload, validator.types(0))?;
            if let Some((id, range)) = payload.as_section() {
                let data = component.get(range)?;
                let lifted = match &payload {
                    Payload::ComponentCanonicalSection(section) => without_post_return(section),
                    _ => None,
                };
                match lifted {
                    Some(lifted) => copy.section(&lifted),
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

/// Copies a section of lifted functions without their post-return functions. Returns `None` if the
/// section contains anything else than functions lifted with the options that wit-component uses.
fn without_post_return(
    section: &ComponentCanonicalSectionReader<'_>,
) -> Option<CanonicalFunctionSection> {
    use wasm_encoder::CanonicalOption as Encoded;
    let mut copy = CanonicalFunctionSection::new();
    for function in section.clone() {
        let CanonicalFunction::Lift {
            core_func_index,
            type_index,
            options,
        } = function.ok()?
        else {
            return None;
        };
        let mut kept = Vec::with_capacity(options.len());
        for option in &options {
            match option {
                CanonicalOption::UTF8 => kept.push(Encoded::UTF8),
                CanonicalOption::Memory(index) => kept.push(Encoded::Memory(*index)),
                CanonicalOption::Realloc(index) => kept.push(Encoded::Realloc(*index)),
                CanonicalOption::PostReturn(_) => {}
                _ => return None,
            }
        }
        copy.lift(core_func_index, type_index, kept);
    }
    Some(copy)
}

/// A core function that the component lifts.
struct LiftedFunction {
    core_function: u32,
    options: CanonicalOptions,
}

/// The canonical options that matter here, as indices of the component's outermost level.
#[derive(Clone, Copy, Default)]
struct CanonicalOptions {
    memory: Option<u32>,
    realloc: Option<u32>,
}

/// What the component consists of, by the indices of its outermost level.
#[derive(Default)]
struct Inventory<'a> {
    lifted: HashMap<u32, LiftedFunction>,
    /// The first memory that is used together with a function that allocates in it.
    memory: Option<GuestMemory>,
    /// The core function that returns a view of this memory, if there is one.
    view: Option<u32>,
    /// The functions of the instances that the component makes, by name.
    instances: HashMap<u32, Vec<(&'a str, u32)>>,
    exported_instances: Vec<(&'a str, u32)>,
}

impl<'a> Inventory<'a> {
    /// Records the items of a section. Must be called before the validator sees the section, so
    /// that the validator's counts are the indices of the section's first items.
    fn record(&mut self, payload: &Payload<'a>, types: Option<TypesRef<'_>>) -> Option<()> {
        match payload {
            Payload::ComponentCanonicalSection(section) => {
                let mut index = types?.component_function_count();
                for function in section.clone() {
                    match function.ok()? {
                        CanonicalFunction::Lift {
                            core_func_index: core_function,
                            options,
                            ..
                        } => {
                            if let Some(options) = self.options(&options) {
                                let lifted = LiftedFunction {
                                    core_function,
                                    options,
                                };
                                self.lifted.insert(index, lifted);
                            }
                            index += 1;
                        }
                        CanonicalFunction::Lower { options, .. } => {
                            self.options(&options);
                        }
                        // All other definitions make core functions, which have indices of their
                        // own.
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
                        self.exported_instances
                            .push((export.name.name, export.index));
                    }
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Reads a function's options. Returns `None` if there is an option that could change how the
    /// result lies in memory.
    fn options(&mut self, options: &[CanonicalOption]) -> Option<CanonicalOptions> {
        let mut known = CanonicalOptions::default();
        for option in options {
            match option {
                CanonicalOption::Memory(index) => known.memory = Some(*index),
                CanonicalOption::Realloc(index) => known.realloc = Some(*index),
                CanonicalOption::UTF8 | CanonicalOption::PostReturn(_) => {}
                _ => return None,
            }
        }
        if let (None, Some(memory), Some(realloc)) = (&self.memory, known.memory, known.realloc) {
            self.memory = Some(GuestMemory {
                memory,
                realloc,
                view: self.view,
            });
        }
        Some(known)
    }

    /// Adds the direct variants behind the component's own sections.
    fn add_to(&self, component: wasm_encoder::Component, types: TypesRef<'_>) -> Option<Vec<u8>> {
        let mut additions = Additions::new(types, self.memory?);
        for (name, index) in &self.exported_instances {
            let mut functions = Vec::new();
            for (function, lifted) in self.instances.get(index).into_iter().flatten() {
                if let Some(lifted) = self.lifted.get(lifted)
                    && let Some(direct) = additions.lift_again(lifted, *index, function)
                {
                    functions.push((*function, direct));
                }
            }
            if !functions.is_empty() {
                additions.export_interface(interface_of(name), &functions);
            }
        }
        Some([component.finish(), additions.finish()].concat())
    }
}

/// The functions that an instance exports. Tools that use wit-component instantiate an inner
/// component that exports its imports under the same names.
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
