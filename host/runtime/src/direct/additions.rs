//! Builds the sections that are added behind a component's last section: types, functions,
//! instances and exports.

use std::collections::HashMap;

use wasm_encoder::{
    Alias, CanonicalFunctionSection, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentInstanceSection, ComponentSection, ComponentTypeEncoder,
    ComponentTypeSection, ComponentValType, ExportKind, InstanceSection, ModuleArg, ModuleSection,
    PrimitiveValType,
};
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
    ComponentValType as Known,
};
use wasmparser::types::TypesRef;

use super::{CanonicalOptions, LiftedFunction, MEMORY_VIEW, memory_view};

/// A memory and the function that allocates in it, by their core indices.
#[derive(Clone, Copy)]
pub(super) struct GuestMemory {
    pub(super) memory: u32,
    pub(super) realloc: u32,
    /// The function that returns a view of the memory, if the component already has one.
    pub(super) view: Option<u32>,
}

/// The added sections. Indices continue where the component's own end.
pub(super) struct Additions<'a> {
    /// The component's own types.
    known: TypesRef<'a>,
    memory: GuestMemory,
    /// The types that the component imports or exports: the instance that has the type, and the
    /// type's name there.
    named: HashMap<ComponentDefinedTypeId, (u32, String)>,
    /// The index of the added type or alias for each type of the component's.
    types: HashMap<ComponentDefinedTypeId, u32>,
    type_count: u32,
    function_count: u32,
    /// Types and lifted functions, each after those that it uses.
    sections: Vec<u8>,
    instances: ComponentInstanceSection,
    exports: ComponentExportSection,
}

impl<'a> Additions<'a> {
    pub(super) fn new(known: TypesRef<'a>, memory: GuestMemory) -> Self {
        let mut named = HashMap::new();
        for index in 0..known.component_instance_count() {
            for (name, item) in &known[known.component_instance_at(index)].exports {
                if let ComponentEntityType::Type {
                    created: ComponentAnyTypeId::Defined(id),
                    ..
                } = item.ty
                {
                    named.insert(id, (index, name.clone()));
                }
            }
        }
        let mut additions = Additions {
            named,
            memory,
            types: HashMap::new(),
            type_count: known.component_type_count(),
            function_count: known.component_function_count(),
            sections: Vec::new(),
            instances: ComponentInstanceSection::new(),
            exports: ComponentExportSection::new(),
            known,
        };
        additions.add_memory_view();
        additions
    }

    /// Exports the function that returns a view of the whole memory.
    fn add_memory_view(&mut self) {
        let core = self.memory.view.unwrap_or_else(|| self.make_memory_view());
        let bytes = self.define(|ty| ty.defined_type().list(PrimitiveValType::U8));
        let no_parameters: [(&str, ComponentValType); 0] = [];
        let ty = self.define(|ty| {
            ty.function()
                .params(no_parameters)
                .result(Some(ComponentValType::Type(bytes)));
        });
        let view = self.lift(core, ty, CanonicalOptions::default());
        self.export_interface(
            MEMORY_VIEW.interface.to_owned(),
            &[(MEMORY_VIEW.function, view)],
        );
    }

    /// Makes an instance of a module with that function and returns its index.
    fn make_memory_view(&mut self) -> u32 {
        let (module, instance) = (self.known.module_count(), self.known.core_instance_count());
        ModuleSection(&memory_view::module()).append_to_component(&mut self.sections);
        let mut instances = InstanceSection::new();
        instances.export_items([
            ("memory", ExportKind::Memory, self.memory.memory),
            ("realloc", ExportKind::Func, self.memory.realloc),
        ]);
        instances.instantiate(module, [("", ModuleArg::Instance(instance))]);
        instances.append_to_component(&mut self.sections);
        self.alias(Alias::CoreInstanceExport {
            instance: instance + 1,
            kind: ExportKind::Func,
            name: "view",
        });
        self.known.function_count()
    }

    /// Lifts a core function again, with the same parameters and `u32` as its result: the address
    /// of the actual result. `instance` and `function` name the function that the component made of
    /// it. Returns the index of the new function, or `None` if its shape is not known here.
    pub(super) fn lift_again(
        &mut self,
        lifted: &LiftedFunction,
        instance: u32,
        function: &str,
    ) -> Option<u32> {
        let known = self.known;
        let exports = &known[known.component_instance_at(instance)].exports;
        let ComponentEntityType::Func(declared) = exports.get(function)?.ty else {
            return None;
        };
        let declared = &known[declared];
        if lifted.options.memory != Some(self.memory.memory)
            || !self.is_returned_by_address(declared.result?)
        {
            return None;
        }
        let mut parameters = Vec::with_capacity(declared.params.len());
        for (name, ty) in &declared.params {
            parameters.push((name.as_str(), self.value(*ty)?));
        }
        let address = ComponentValType::Primitive(PrimitiveValType::U32);
        let ty = self.define(|ty| {
            ty.function().params(parameters).result(Some(address));
        });
        Some(self.lift(lifted.core_function, ty, lifted.options))
    }

    /// Returns whether the core function returns the result's address. That is the case for every
    /// result that needs more than one flat value, such as one whose error is a record of two
    /// fields or more. The core function of a smaller result returns the value, which must not be
    /// taken for an address.
    fn is_returned_by_address(&self, result: Known) -> bool {
        let Known::Type(id) = result else {
            return false;
        };
        let ComponentDefinedType::Result {
            err: Some(Known::Type(err)),
            ..
        } = self.known[id]
        else {
            return false;
        };
        matches!(&self.known[err], ComponentDefinedType::Record(record) if record.fields.len() > 1)
    }

    /// Returns a type that is equal to a known one and can be used in an exported function, or
    /// `None` if there is no such type. An exported function may only use named types that are
    /// imported or exported themselves.
    fn value(&mut self, known: Known) -> Option<ComponentValType> {
        let id = match known {
            Known::Primitive(ty) => return primitive(ty).map(ComponentValType::Primitive),
            Known::Type(id) => id,
        };
        if let Some(index) = self.types.get(&id) {
            return Some(ComponentValType::Type(*index));
        }
        let index = if let Some((instance, name)) = self.named.get(&id).cloned() {
            self.alias(Alias::InstanceExport {
                instance,
                kind: ComponentExportKind::Type,
                name: &name,
            });
            self.type_count += 1;
            self.type_count - 1
        } else {
            let types = self.known;
            match &types[id] {
                ComponentDefinedType::Primitive(ty) => {
                    return primitive(*ty).map(ComponentValType::Primitive);
                }
                ComponentDefinedType::List { element, .. } => {
                    let element = self.value(*element)?;
                    self.define(|ty| ty.defined_type().list(element))
                }
                ComponentDefinedType::Option { ty, .. } => {
                    let inner = self.value(*ty)?;
                    self.define(|ty| ty.defined_type().option(inner))
                }
                ComponentDefinedType::Tuple(tuple) => {
                    let types: Option<Vec<_>> =
                        tuple.types.iter().map(|ty| self.value(*ty)).collect();
                    let types = types?;
                    self.define(|ty| ty.defined_type().tuple(types))
                }
                _ => return None,
            }
        };
        self.types.insert(id, index);
        Some(ComponentValType::Type(index))
    }

    fn alias(&mut self, alias: Alias<'_>) {
        let mut section = ComponentAliasSection::new();
        section.alias(alias);
        section.append_to_component(&mut self.sections);
    }

    fn define(&mut self, define: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
        let mut section = ComponentTypeSection::new();
        define(section.ty());
        section.append_to_component(&mut self.sections);
        self.type_count += 1;
        self.type_count - 1
    }

    fn lift(&mut self, core: u32, ty: u32, options: CanonicalOptions) -> u32 {
        let realloc = options.realloc;
        let mut options = vec![
            wasm_encoder::CanonicalOption::UTF8,
            wasm_encoder::CanonicalOption::Memory(self.memory.memory),
        ];
        options.extend(realloc.map(wasm_encoder::CanonicalOption::Realloc));
        let mut section = CanonicalFunctionSection::new();
        section.lift(core, ty, options);
        section.append_to_component(&mut self.sections);
        self.function_count += 1;
        self.function_count - 1
    }

    /// Exports an instance with these functions.
    pub(super) fn export_interface(&mut self, name: String, functions: &[(&str, u32)]) {
        let index = self.known.component_instance_count() + self.instances.len();
        let functions = functions.iter();
        self.instances.export_items(
            functions.map(|(name, index)| (*name, ComponentExportKind::Func, *index)),
        );
        self.exports
            .export(name.as_str(), ComponentExportKind::Instance, index, None);
    }

    /// Returns the encoded sections.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.instances.append_to_component(&mut self.sections);
        self.exports.append_to_component(&mut self.sections);
        self.sections
    }
}

/// Converts a primitive type, or returns `None` if an exported function cannot use it here.
fn primitive(ty: wasmparser::PrimitiveValType) -> Option<PrimitiveValType> {
    use wasmparser::PrimitiveValType as Known;
    Some(match ty {
        Known::Bool => PrimitiveValType::Bool,
        Known::S8 => PrimitiveValType::S8,
        Known::U8 => PrimitiveValType::U8,
        Known::S16 => PrimitiveValType::S16,
        Known::U16 => PrimitiveValType::U16,
        Known::S32 => PrimitiveValType::S32,
        Known::U32 => PrimitiveValType::U32,
        Known::S64 => PrimitiveValType::S64,
        Known::U64 => PrimitiveValType::U64,
        Known::F32 => PrimitiveValType::F32,
        Known::F64 => PrimitiveValType::F64,
        Known::Char => PrimitiveValType::Char,
        Known::String => PrimitiveValType::String,
        Known::ErrorContext => return None,
    })
}
