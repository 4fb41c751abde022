//! The core modules: what the shim, the fixup and the main module contain, and what takes their place.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, ImportSection, MemoryType, Module, RawSection, RefType, SectionId,
    TableSection, TableType, TypeSection, ValType,
};
use wasmparser::{
    DataKind, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload, TypeRef,
    Validator, WasmFeatures,
};

use super::FIRST;
use crate::direct;

/// Returns the slot of the table that each exported function of the shim calls. `None` if the module
/// does anything else.
pub(super) fn slots_of_shim(module: &[u8]) -> Option<HashMap<&str, u32>> {
    let mut names = Vec::new();
    let mut slots = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    match export.kind {
                        ExternalKind::Func => names.push((export.name, export.index)),
                        ExternalKind::Table if export.index == 0 => {}
                        _ => return None,
                    }
                }
            }
            Payload::CodeSectionEntry(body) => slots.push(slot_of(&body)?),
            Payload::TableSection(section) if section.count() == 1 => {}
            Payload::Version { .. }
            | Payload::TypeSection(_)
            | Payload::FunctionSection(_)
            | Payload::CodeSectionStart { .. }
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            _ => return None,
        }
    }
    // The shim is left out, so nothing else checks its functions. They are short, as `slot_of` has seen.
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(module)
        .ok()?;
    let named = names.into_iter();
    let named = named.map(|(name, index)| Some((name, *slots.get(index as usize)?)));
    named.collect()
}

/// Returns the slot whose function this function calls with its own parameters.
fn slot_of(body: &wasmparser::FunctionBody<'_>) -> Option<u32> {
    if body.get_locals_reader().ok()?.get_count() > 0 {
        return None;
    }
    let mut operators = body.get_operators_reader().ok()?;
    let mut parameter = 0;
    let slot = loop {
        match operators.read().ok()? {
            Operator::LocalGet { local_index } if local_index == parameter => parameter += 1,
            Operator::I32Const { value } => break u32::try_from(value).ok()?,
            _ => return None,
        }
    };
    match operators.read().ok()? {
        Operator::CallIndirect { table_index: 0, .. } => {}
        _ => return None,
    }
    matches!(operators.read().ok()?, Operator::End).then_some(slot)
}

/// Returns the name of the import that the fixup puts into each slot of the table. `None` if the module
/// does anything else.
pub(super) fn slots_of_fixup(module: &[u8]) -> Option<Vec<&str>> {
    let mut imports = Vec::new();
    let mut slots = None;
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    match import.ty {
                        TypeRef::Func(_) => imports.push(import.name),
                        TypeRef::Table(_) => {}
                        _ => return None,
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.ok()?;
                    let ElementKind::Active { offset_expr, .. } = element.kind else {
                        return None;
                    };
                    let ElementItems::Functions(functions) = element.items else {
                        return None;
                    };
                    if constant(&offset_expr)? != 0 || slots.is_some() {
                        return None;
                    }
                    slots = Some(
                        functions
                            .into_iter()
                            .collect::<Result<Vec<u32>, _>>()
                            .ok()?,
                    );
                }
            }
            Payload::Version { .. }
            | Payload::TypeSection(_)
            | Payload::CustomSection(_)
            | Payload::End(_) => {}
            _ => return None,
        }
    }
    let slots = slots?.into_iter();
    let slots = slots.map(|function| imports.get(function as usize).copied());
    slots.collect()
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<i32> {
    let mut operators = expression.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value),
        _ => None,
    }
}

/// Makes `first` for this main module.
pub(super) fn first(main: &[u8]) -> Option<Module> {
    let mut memory = None;
    let mut data = None;
    for payload in Parser::new(0).parse_all(main) {
        match payload.ok()? {
            Payload::MemorySection(section) => memory = Some(only_memory(section)?),
            Payload::DataSection(section) => {
                data = Some(main.get(section.range())?);
                for segment in section {
                    // The value of a global may depend on the main module.
                    match segment.ok()?.kind {
                        DataKind::Active {
                            memory_index: 0,
                            offset_expr,
                        } => constant(&offset_expr)?,
                        _ => return None,
                    };
                }
            }
            _ => {}
        }
    }

    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    types.ty().function([], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    functions.function(1);
    let mut tables = TableSection::new();
    tables.table(TABLE);
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(memory?);
    let mut exports = ExportSection::new();
    exports.export("realloc", ExportKind::Func, 0);
    exports.export("view", ExportKind::Func, 1);
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("table", ExportKind::Table, 0);
    let mut realloc = Function::new([]);
    realloc
        .instructions()
        .local_get(0)
        .local_get(1)
        .local_get(2)
        .local_get(3)
        .i32_const(0)
        .call_indirect(0, 0)
        .end();
    let mut code = CodeSection::new();
    code.function(&realloc);
    code.function(&direct::view(0));

    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&exports)
        .section(&code);
    if let Some(data) = data {
        module.section(&RawSection {
            id: SectionId::Data.into(),
            data,
        });
    }
    Some(module)
}

/// The table with the function that allocates.
const TABLE: TableType = TableType {
    element_type: RefType::FUNCREF,
    table64: false,
    minimum: 1,
    maximum: Some(1),
    shared: false,
};

fn only_memory(section: wasmparser::MemorySectionReader<'_>) -> Option<MemoryType> {
    let mut memories = section.into_iter();
    let memory = memories.next()?.ok()?;
    if memories.next().is_some() || memory.memory64 || memory.shared {
        return None;
    }
    Some(MemoryType::from(memory))
}

/// Changes the main module: it imports its memory, and a table into which it puts the function that it
/// exports as `realloc`.
pub(super) fn main(module: &[u8], realloc: &str) -> Option<Module> {
    let mut changed = Module::new();
    let mut imports = ImportSection::new();
    let mut elements = ElementSection::new();
    let mut code = CodeSection::new();
    let mut allocator = None;
    let mut memory = None;
    // The sections behind the imports and before the elements; custom sections.
    let (mut middle, mut last) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        let raw = payload.as_section().and_then(|(id, range)| {
            let data = module.get(range)?;
            Some(RawSection { id, data })
        });
        match payload {
            Payload::TypeSection(_) => {
                changed.section(&raw?);
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if !matches!(import.ok()?.ty, TypeRef::Func(_)) {
                        return None;
                    }
                }
                Shifted.parse_import_section(&mut imports, section).ok()?;
            }
            Payload::MemorySection(section) => memory = Some(only_memory(section)?),
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                for export in section {
                    let export = export.ok()?;
                    if export.kind == ExternalKind::Func && export.name == realloc {
                        allocator = Some(export.index);
                    }
                    Shifted.parse_export(&mut exports, export).ok()?;
                }
                middle.push(Middle::Exports(exports));
            }
            Payload::ElementSection(section) => {
                Shifted.parse_element_section(&mut elements, section).ok()?;
            }
            Payload::CodeSectionEntry(body) => {
                Shifted.parse_function_body(&mut code, body).ok()?;
            }
            Payload::FunctionSection(_)
            | Payload::TableSection(_)
            | Payload::GlobalSection(_)
            | Payload::StartSection { .. } => middle.push(Middle::Raw(raw?)),
            Payload::CustomSection(_) => last.push(raw?),
            // The data moves to `first`. Its number is only needed by instructions that use it later.
            Payload::DataSection(_)
            | Payload::DataCountSection { .. }
            | Payload::Version { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::End(_) => {}
            _ => return None,
        }
    }
    imports.import(FIRST, "memory", EntityType::Memory(memory?));
    imports.import(FIRST, "table", EntityType::Table(TABLE));
    // Behind the module's own elements, of which wasmtime prepares those before the first one for an
    // imported table.
    elements.active(
        Some(0),
        &ConstExpr::i32_const(0),
        Elements::Functions([allocator?].as_slice().into()),
    );
    changed.section(&imports);
    for section in &middle {
        match section {
            Middle::Raw(section) => changed.section(section),
            Middle::Exports(section) => changed.section(section),
        };
    }
    changed.section(&elements).section(&code);
    for section in &last {
        changed.section(section);
    }
    Some(changed)
}

/// A section between the imports and the elements.
enum Middle<'a> {
    Raw(RawSection<'a>),
    Exports(ExportSection),
}

/// Copies a module's parts with the indices of its own tables shifted by one: imported tables come
/// first.
struct Shifted;

impl Reencode for Shifted {
    type Error = std::convert::Infallible;

    fn table_index(&mut self, table: u32) -> Result<u32, Error<Self::Error>> {
        Ok(table + 1)
    }
}
