//! Rearranges a component before it is compiled, so that an instance of it has two core instances
//! instead of three, and its imports are bound directly.
//!
//! # Why
//! To call an import that passes a text, wasmtime needs the component's memory and the function that
//! allocates in it. Both belong to the main module, which needs the import before it exists. Tools
//! that use wit-component solve this with two small modules. The *shim* exports a function for each
//! import, which calls through a table; the main module imports these functions; then the *fixup*
//! fills the table. So each instance of the component makes three core instances, and a reference to
//! each of these functions twice.
//!
//! # What is changed
//! ```text
//! before: shim (table) -> main (memory, data, allocator) -> imports -> fixup (fills the table)
//! after:  first (memory, data, table of 1) -> imports -> main (allocator; fills the table)
//! ```
//!
//! The memory moves from the main module to a new one, `first`, together with its initial contents, so
//! that wasmtime still maps them instead of copying them. The imports use this memory, and a function
//! of `first` that calls the allocator through the table. The main module imports the memory and the
//! table, and puts its allocator into the table, which wasmtime does before any of its code runs. No
//! function of the guest is changed.
//!
//! `first` also has the function `view`, which the direct variants of functions need, see
//! [`direct`](super::direct).
//!
//! # What stays as it is
//! A component of any other shape, for example one with several modules, an adapter or resources of
//! its own. It runs as before.

mod modules;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use wasm_encoder::reencode::{ReencodeComponent as _, RoundtripReencoder};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption as EncodedOption, Component,
    ComponentAliasSection, ExportKind, InstanceSection, ModuleArg, ModuleSection, RawSection,
};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentOuterAliasKind, ComponentType,
    ExternalKind, Instance, Parser, Payload, Validator, WasmFeatures,
};

/// Part of the engine's fingerprint. It must change whenever this module makes something else, so that
/// code of other modules is compiled again.
pub(super) const VERSION: &[u8] = b"memory first 1";

/// What the main module imports the memory and the table from.
const FIRST: &str = "task-host:memory-first";

/// A rearranged component.
pub(super) struct MemoryFirst {
    /// The component.
    pub(super) bytes: Vec<u8>,
    /// The core function that returns a view of the whole memory.
    pub(super) view: u32,
}

/// Returns the component in the new order, or `None` if the bytes are not a component that wit-component
/// made of one module, or if it has debug information: that names places in the code, which would move.
pub(super) fn with_memory_first(component: &[u8]) -> Option<MemoryFirst> {
    walk(
        component,
        |_| Some(()),
        |payload| match payload {
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => None,
            _ => Some(()),
        },
    )?;
    let parts = Parts::read(component)?;
    let plan = Plan::of(&parts)?;
    check(component)?;
    let bytes = Rewriter::new(&parts, &plan).rewrite(component)?;
    check(&bytes)?;
    Some(MemoryFirst { bytes, view: VIEW })
}

/// Returns `None` if the component is not valid. The code of functions is not looked at: nothing here changes it, and
/// the compiler checks it in any case, on all cores and together with its limit of memory. Alone it took more than ten seconds for a component of 700 KB.
fn check(component: &[u8]) -> Option<()> {
    let mut parser = Parser::new(0);
    parser.set_features(WasmFeatures::all());
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    for payload in parser.parse_all(component) {
        validator.payload(&payload.ok()?).ok()?;
    }
    Some(())
}

/// Calls `each` with the payloads of the component's outermost level, and `inner` with those of nested
/// components and modules. Returns `None` if one of them does, or the bytes are malformed.
fn walk<'a>(
    component: &'a [u8],
    mut each: impl FnMut(&Payload<'a>) -> Option<()>,
    mut inner: impl FnMut(&Payload<'a>) -> Option<()>,
) -> Option<()> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.ok()?;
        match payload {
            Payload::End(_) if depth == 0 => return Some(()),
            Payload::End(_) => depth -= 1,
            _ if depth == 0 => each(&payload)?,
            _ => inner(&payload)?,
        }
        if matches!(
            payload,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
        ) {
            depth += 1;
        }
    }
    None
}

/// The core parts of a component, by their indices.
#[derive(Default)]
struct Parts<'a> {
    modules: Vec<&'a [u8]>,
    instances: Vec<Instance<'a>>,
    functions: Vec<CoreFunction<'a>>,
    memories: Vec<InstanceExport<'a>>,
    tables: Vec<InstanceExport<'a>>,
    /// The options of all lowered functions.
    lowered: Vec<CanonicalOption>,
}

/// An export of a core instance.
#[derive(Clone, Copy, PartialEq, Eq)]
struct InstanceExport<'a> {
    instance: u32,
    name: &'a str,
}

/// Where a core function comes from.
#[derive(Clone, Copy)]
enum CoreFunction<'a> {
    Export(InstanceExport<'a>),
    /// It is an import, or drops a resource.
    Canonical,
}

impl<'a> Parts<'a> {
    fn read(component: &'a [u8]) -> Option<Self> {
        let mut parts = Self::default();
        walk(
            component,
            |payload| parts.record(component, payload),
            |payload| match payload {
                // The indices of modules change.
                Payload::ComponentAliasSection(section) => {
                    let outer = ComponentOuterAliasKind::CoreModule;
                    let mut aliases = section.clone().into_iter();
                    let names_module = aliases.any(|alias| match alias {
                        Ok(ComponentAlias::Outer { kind, .. }) => kind == outer,
                        _ => false,
                    });
                    (!names_module).then_some(())
                }
                _ => Some(()),
            },
        )?;
        Some(parts)
    }

    fn record(&mut self, component: &'a [u8], payload: &Payload<'a>) -> Option<()> {
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => self.modules.push(component.get(unchecked_range.clone())?),
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.instances.push(instance.ok()?);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    let ComponentAlias::CoreInstanceExport {
                        kind,
                        instance_index: instance,
                        name,
                    } = alias.ok()?
                    else {
                        continue;
                    };
                    let export = InstanceExport { instance, name };
                    match kind {
                        ExternalKind::Func => self.functions.push(CoreFunction::Export(export)),
                        ExternalKind::Memory => self.memories.push(export),
                        ExternalKind::Table => self.tables.push(export),
                        _ => return None,
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    match function.ok()? {
                        CanonicalFunction::Lift { .. } => continue,
                        CanonicalFunction::Lower { options, .. } => {
                            self.lowered.extend(options);
                        }
                        CanonicalFunction::ResourceDrop { .. } => {}
                        _ => return None,
                    }
                    self.functions.push(CoreFunction::Canonical);
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section.clone() {
                    // The type may name a core function, and their indices change.
                    if let ComponentType::Resource { .. } = ty.ok()? {
                        return None;
                    }
                }
            }
            Payload::ComponentStartSection { .. } => return None,
            _ => {}
        }
        Some(())
    }
}

/// What the parts of a component are to each other.
struct Plan<'a> {
    /// The main module's index.
    main: u32,
    /// The shim's instance, the main module's and the fixup's.
    instances: [u32; 3],
    /// The main module's arguments: for each name, the names and functions of an instance.
    arguments: Vec<(&'a str, Vec<(&'a str, u32)>)>,
    /// The name of the function that allocates in the memory, which the main module exports.
    realloc: &'a str,
    /// The shim's and the fixup's modules.
    small: [u32; 2],
}

impl<'a> Plan<'a> {
    /// Recognizes the shape of what wit-component makes.
    fn of(parts: &Parts<'a>) -> Option<Self> {
        let made = (0..).zip(&parts.instances);
        let made = made.filter_map(|(index, instance)| match instance {
            Instance::Instantiate { module_index, args } => Some((index, *module_index, args)),
            Instance::FromExports(_) => None,
        });
        let [
            (shim, shim_module, nothing),
            (main, main_module, main_args),
            (fixup, fixup_module, fixup_args),
        ] = made.collect::<Vec<_>>().try_into().ok()?;
        if parts.modules.len() != 3 || !nothing.is_empty() {
            return None;
        }
        let module = |index: u32| parts.modules.get(index as usize).copied();
        let slots = modules::slots_of_shim(module(shim_module)?)?;
        let filled = modules::slots_of_fixup(module(fixup_module)?)?;
        let targets = parts.targets(fixup_args, shim, &slots, &filled)?;

        let mut arguments = Vec::with_capacity(main_args.len());
        for arg in main_args {
            let mut functions = Vec::new();
            for (name, index) in parts.exported(arg.index)? {
                let target = match parts.functions.get(index as usize)? {
                    CoreFunction::Canonical => index,
                    CoreFunction::Export(export) if export.instance == shim => {
                        *targets.get(slots.get(export.name)?)?
                    }
                    CoreFunction::Export(_) => return None,
                };
                functions.push((name, target));
            }
            arguments.push((arg.name, functions));
        }
        let memory = *parts.memories.first()?;
        let is_other = |other: &InstanceExport<'_>| *other != memory;
        if memory.instance != main || parts.memories.iter().any(is_other) {
            return None;
        }
        let is_shims = |table: &InstanceExport<'_>| table.instance == shim;
        if !parts.tables.iter().all(is_shims) {
            return None;
        }
        Some(Self {
            main: main_module,
            instances: [shim, main, fixup],
            arguments,
            realloc: parts.realloc(main)?,
            small: [shim_module, fixup_module],
        })
    }
}

impl<'a> Parts<'a> {
    /// The functions that an instance exports. `None` if it has other exports, too.
    fn exported(&self, instance: u32) -> Option<Vec<(&'a str, u32)>> {
        let Instance::FromExports(exports) = self.instances.get(instance as usize)? else {
            return None;
        };
        let functions = exports.iter().map(|export| match export.kind {
            ExternalKind::Func => Some((export.name, export.index)),
            _ => None,
        });
        functions.collect()
    }

    /// The function that the fixup puts into each slot of the shim's table.
    fn targets(
        &self,
        fixup_args: &[wasmparser::InstantiationArg<'a>],
        shim: u32,
        slots: &HashMap<&'a str, u32>,
        filled: &[&'a str],
    ) -> Option<HashMap<u32, u32>> {
        let [arg] = fixup_args else { return None };
        let Instance::FromExports(exports) = self.instances.get(arg.index as usize)? else {
            return None;
        };
        let mut by_name = HashMap::new();
        for export in exports {
            match export.kind {
                ExternalKind::Func => {
                    let CoreFunction::Canonical = self.functions.get(export.index as usize)? else {
                        return None;
                    };
                    by_name.insert(export.name, export.index);
                }
                // The fixup has one table, so this is the one.
                ExternalKind::Table if self.tables.get(export.index as usize)?.instance == shim => {
                }
                _ => return None,
            }
        }
        if slots.len() != filled.len() {
            return None;
        }
        let targets = (0..).zip(filled);
        let targets = targets.map(|(slot, name)| Some((slot, *by_name.get(name)?)));
        targets.collect()
    }

    /// The name of the one function by which all imports allocate. The main module exports it.
    fn realloc(&self, main: u32) -> Option<&'a str> {
        let mut found = None;
        for option in &self.lowered {
            match option {
                CanonicalOption::Realloc(index) => {
                    let CoreFunction::Export(export) = self.functions.get(*index as usize)? else {
                        return None;
                    };
                    if export.instance != main || *found.get_or_insert(export.name) != export.name {
                        return None;
                    }
                }
                CanonicalOption::UTF8
                | CanonicalOption::UTF16
                | CanonicalOption::CompactUTF16
                | CanonicalOption::Memory(_) => {}
                _ => return None,
            }
        }
        found
    }
}

/// The first core functions of the new component: the exports of `first`.
const REALLOC: u32 = 0;
const VIEW: u32 = 1;
/// Its only memory.
const MEMORY: u32 = 0;
/// The instance of `first`.
const FIRST_INSTANCE: u32 = 0;

/// Writes the component in the new order.
struct Rewriter<'a> {
    parts: &'a Parts<'a>,
    plan: &'a Plan<'a>,
    written: Component,
    /// The number of core parts that were read and written so far.
    instances_read: u32,
    modules_read: u32,
    functions_read: u32,
    modules_written: u32,
    functions_written: u32,
    /// The new index of each core function and module that was written.
    functions: HashMap<u32, u32>,
    modules: HashMap<u32, u32>,
    /// The main module's exports that were named before its instance was written.
    pending: Vec<(u32, &'a str)>,
    /// The index of the main module's instance, once it was written.
    main: Option<u32>,
}

impl<'a> Rewriter<'a> {
    fn new(parts: &'a Parts<'a>, plan: &'a Plan<'a>) -> Self {
        Self {
            parts,
            plan,
            written: Component::new(),
            instances_read: 0,
            modules_read: 0,
            functions_read: 0,
            modules_written: 0,
            functions_written: 0,
            functions: HashMap::new(),
            modules: HashMap::new(),
            pending: Vec::new(),
            main: None,
        }
    }

    fn rewrite(mut self, component: &[u8]) -> Option<Vec<u8>> {
        walk(
            component,
            |payload| self.write(component, payload),
            |_| Some(()),
        )?;
        self.main?;
        Some(self.written.finish())
    }

    fn write(&mut self, component: &[u8], payload: &Payload<'_>) -> Option<()> {
        match payload {
            Payload::ModuleSection { .. } => self.module(),
            Payload::InstanceSection(section) => {
                for _ in 0..section.count() {
                    let instance = self.instances_read;
                    self.instances_read += 1;
                    let [shim, _, fixup] = self.plan.instances;
                    if instance == shim {
                        self.instantiate_first()?;
                    } else if instance == fixup {
                        self.instantiate_main()?;
                    }
                }
                Some(())
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(alias.ok()?)?;
                }
                Some(())
            }
            Payload::ComponentCanonicalSection(section) => {
                let mut canonical = CanonicalFunctionSection::new();
                for function in section.clone() {
                    self.canonical(function.ok()?, &mut canonical)?;
                }
                self.written.section(&canonical);
                Some(())
            }
            // Its names are those of the old indices.
            Payload::CustomSection(section) if section.name() == "component-name" => Some(()),
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = component.get(range)?;
                    self.written.section(&RawSection { id, data });
                }
                Some(())
            }
        }
    }

    /// Writes `first` in place of the shim, the changed main module, and no fixup.
    fn module(&mut self) -> Option<()> {
        let index = self.modules_read;
        self.modules_read += 1;
        let [shim, _] = self.plan.small;
        let main = self.parts.modules.get(self.plan.main as usize)?;
        let module = if index == self.plan.main {
            modules::main(main, self.plan.realloc)?
        } else if index == shim {
            modules::first(main)?
        } else {
            return Some(());
        };
        self.written.section(&ModuleSection(&module));
        self.modules.insert(index, self.modules_written);
        self.modules_written += 1;
        Some(())
    }

    fn instantiate_first(&mut self) -> Option<()> {
        let [shim, _] = self.plan.small;
        let mut instances = InstanceSection::new();
        let nothing: [(&str, ModuleArg); 0] = [];
        instances.instantiate(*self.modules.get(&shim)?, nothing);
        self.written.section(&instances);
        for (kind, name) in [
            (ExportKind::Func, "realloc"),
            (ExportKind::Func, "view"),
            (ExportKind::Memory, "memory"),
            (ExportKind::Table, "table"),
        ] {
            self.export_of(FIRST_INSTANCE, kind, name);
        }
        self.functions_written = 2;
        Some(())
    }

    fn instantiate_main(&mut self) -> Option<()> {
        let mut instances = InstanceSection::new();
        instances.export_items([
            ("memory", ExportKind::Memory, MEMORY),
            ("table", ExportKind::Table, 0),
        ]);
        let mut args = vec![(FIRST, ModuleArg::Instance(FIRST_INSTANCE + 1))];
        for (name, functions) in &self.plan.arguments {
            let functions = functions.iter().map(|(name, function)| {
                let function = self.functions.get(function)?;
                Some((*name, ExportKind::Func, *function))
            });
            let functions: Option<Vec<_>> = functions.collect();
            args.push((
                name,
                ModuleArg::Instance(FIRST_INSTANCE + 1 + instances.len()),
            ));
            instances.export_items(functions?);
        }
        let main = FIRST_INSTANCE + 1 + instances.len();
        instances.instantiate(*self.modules.get(&self.plan.main)?, args);
        self.written.section(&instances);
        self.main = Some(main);
        for (function, name) in std::mem::take(&mut self.pending) {
            self.function_of_main(main, function, name);
        }
        Some(())
    }

    fn function_of_main(&mut self, main: u32, function: u32, name: &str) {
        self.export_of(main, ExportKind::Func, name);
        self.functions.insert(function, self.functions_written);
        self.functions_written += 1;
    }

    fn export_of(&mut self, instance: u32, kind: ExportKind, name: &str) {
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::CoreInstanceExport {
            instance,
            kind,
            name,
        });
        self.written.section(&aliases);
    }

    fn alias(&mut self, alias: ComponentAlias<'_>) -> Option<()> {
        let ComponentAlias::CoreInstanceExport { kind, .. } = alias else {
            let mut aliases = ComponentAliasSection::new();
            aliases.alias(RoundtripReencoder.component_alias(alias).ok()?);
            self.written.section(&aliases);
            return Some(());
        };
        // The memory and the table are those of `first`.
        if kind == ExternalKind::Func {
            let function = self.functions_read;
            self.functions_read += 1;
            let CoreFunction::Export(export) = *self.parts.functions.get(function as usize)? else {
                return None;
            };
            let [shim, main, _] = self.plan.instances;
            match self.main {
                // Bound directly.
                _ if export.instance == shim => {}
                _ if export.instance != main => return None,
                Some(main) => self.function_of_main(main, function, export.name),
                None => self.pending.push((function, export.name)),
            }
        }
        Some(())
    }

    fn canonical(
        &mut self,
        function: CanonicalFunction,
        written: &mut CanonicalFunctionSection,
    ) -> Option<()> {
        match function {
            CanonicalFunction::Lift {
                core_func_index,
                type_index,
                options,
            } => {
                let core = *self.functions.get(&core_func_index)?;
                let options = self.options(&options, |rewriter, index| {
                    rewriter.functions.get(&index).copied()
                })?;
                written.lift(core, type_index, options);
                return Some(());
            }
            CanonicalFunction::Lower {
                func_index,
                options,
            } => {
                written.lower(func_index, self.options(&options, |_, _| Some(REALLOC))?);
            }
            CanonicalFunction::ResourceDrop { resource } => {
                written.resource_drop(resource);
            }
            _ => return None,
        }
        let function = self.functions_read;
        self.functions_read += 1;
        self.functions.insert(function, self.functions_written);
        self.functions_written += 1;
        Some(())
    }

    /// Returns options with new indices. `realloc` finds that of the function that allocates.
    fn options(
        &self,
        options: &[CanonicalOption],
        realloc: impl Fn(&Self, u32) -> Option<u32>,
    ) -> Option<Vec<EncodedOption>> {
        let options = options.iter().map(|option| match *option {
            CanonicalOption::Memory(_) => Some(EncodedOption::Memory(MEMORY)),
            CanonicalOption::Realloc(index) => Some(EncodedOption::Realloc(realloc(self, index)?)),
            CanonicalOption::PostReturn(index) => {
                let freeing = self.functions.get(&index)?;
                Some(EncodedOption::PostReturn(*freeing))
            }
            CanonicalOption::UTF8 => Some(EncodedOption::UTF8),
            CanonicalOption::UTF16 => Some(EncodedOption::UTF16),
            CanonicalOption::CompactUTF16 => Some(EncodedOption::CompactUTF16),
            _ => None,
        });
        options.collect()
    }
}
