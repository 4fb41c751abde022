//! The core module that gives the view of a memory, and WIT's plain types.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemArg, MemoryType, Module, PrimitiveValType, TypeSection, ValType,
};

/// A module that writes the two words of a list, the whole memory, and returns their address.
pub(super) fn view_module() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    types.ty().function([], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("", "realloc", EntityType::Function(0));
    let memory = MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    imports.import("", "memory", memory);
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut exports = ExportSection::new();
    exports.export("view", ExportKind::Func, 1);

    let word = |offset| MemArg {
        offset,
        align: 2,
        memory_index: 0,
    };
    let mut view = Function::new([(1, ValType::I32)]);
    view.instructions()
        // Eight bytes, at an address that is a multiple of four.
        .i32_const(0)
        .i32_const(0)
        .i32_const(4)
        .i32_const(8)
        .call(0)
        .local_tee(0)
        .i32_const(0)
        .i32_store(word(0))
        .local_get(0)
        .memory_size(0)
        .i32_const(16)
        .i32_shl()
        .i32_store(word(4))
        .local_get(0)
        .end();
    let mut code = CodeSection::new();
    code.function(&view);

    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&code);
    module
}

pub(super) fn primitive(ty: wasmparser::PrimitiveValType) -> Option<PrimitiveValType> {
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
