//! What is added behind a component's last section: types, functions, instances, exports.

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

use super::view::{primitive, view_module};
use super::{Lift, MEMORY, Options};

/// A memory, and the function that allocates in it.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub(super) memory: u32,
    pub(super) realloc: u32,
}

/// What is added behind the component's last section. Indices go on where it ended.
pub(super) struct Added<'a> {
    known: TypesRef<'a>,
    memory: Memory,
    /// Where a type that the component exports or imports can be had: from which instance, as what.
    named: HashMap<ComponentDefinedTypeId, (u32, String)>,
    /// The types that were added, by what they stand for.
    types: HashMap<ComponentDefinedTypeId, u32>,
    type_count: u32,
    function_count: u32,
    /// Types and lifted functions, in the order in which they need each other.
    sections: Vec<u8>,
    instances: ComponentInstanceSection,
    exports: ComponentExportSection,
}

impl<'a> Added<'a> {
    pub(super) fn new(known: TypesRef<'a>, memory: Memory) -> Self {
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
        let mut added = Added {
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
        added.view();
        added
    }

    /// The function that gives the view: a list whose address is 0 and whose length is all.
    fn view(&mut self) {
        let (module, instance) = (self.known.module_count(), self.known.core_instance_count());
        let core = self.known.function_count();
        ModuleSection(&view_module()).append_to_component(&mut self.sections);
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
        let bytes = self.define(|ty| ty.defined_type().list(PrimitiveValType::U8));
        let no_parameters: [(&str, ComponentValType); 0] = [];
        let ty = self.define(|ty| {
            ty.function()
                .params(no_parameters)
                .result(Some(ComponentValType::Type(bytes)));
        });
        let view = self.canonical(core, ty, Options::default());
        self.interface(MEMORY.0.to_owned(), &[(MEMORY.1, view)]);
    }

    /// Lifts a core function again: its parameters as they are, and the address of its result.
    pub(super) fn lift(&mut self, lift: &Lift, instance: u32, function: &str) -> Option<u32> {
        let known = self.known;
        let exports = &known[known.component_instance_at(instance)].exports;
        let ComponentEntityType::Func(declared) = exports.get(function)?.ty else {
            return None;
        };
        let declared = &known[declared];
        if lift.options.memory != Some(self.memory.memory) || !self.is_large(declared.result?) {
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
        Some(self.canonical(lift.core, ty, lift.options))
    }

    /// Whether a result is returned by its address, as one with a record inside always is; a
    /// smaller one may be a number that is no address.
    fn is_large(&self, result: Known) -> bool {
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

    /// A type that means the same as a known one, and may stand in an exported function.
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

    fn canonical(&mut self, core: u32, ty: u32, with: Options) -> u32 {
        let mut options = vec![
            wasm_encoder::CanonicalOption::UTF8,
            wasm_encoder::CanonicalOption::Memory(self.memory.memory),
        ];
        options.extend(with.realloc.map(wasm_encoder::CanonicalOption::Realloc));
        let mut section = CanonicalFunctionSection::new();
        section.lift(core, ty, options);
        section.append_to_component(&mut self.sections);
        self.function_count += 1;
        self.function_count - 1
    }

    pub(super) fn interface(&mut self, name: String, functions: &[(&str, u32)]) {
        let index = self.known.component_instance_count() + self.instances.len();
        let functions = functions.iter();
        self.instances.export_items(
            functions.map(|(name, index)| (*name, ComponentExportKind::Func, *index)),
        );
        self.exports
            .export(name.as_str(), ComponentExportKind::Instance, index, None);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.instances.append_to_component(&mut self.sections);
        self.exports.append_to_component(&mut self.sections);
        self.sections
    }
}
