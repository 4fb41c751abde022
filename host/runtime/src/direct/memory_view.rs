//! The core function `view`, which returns a list that covers the whole memory, and the module that it is in
//! unless the component has a place for it.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemArg, MemoryType, Module, TypeSection, ValType,
};

/// Makes the module.
pub(super) fn module() -> Module {
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

    let mut code = CodeSection::new();
    code.function(&view(0));

    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&code);
    module
}

/// Makes the function, of type `() -> i32`. `realloc` is the index of the function that allocates.
///
/// By the canonical ABI a list is two words, its address and its length, and a function returns the
/// address of these two words. `view` allocates the words in the guest's memory and writes 0 and
/// the size of the memory in bytes.
pub(crate) fn view(realloc: u32) -> Function {
    let word = |offset| MemArg {
        offset,
        align: 2,
        memory_index: 0,
    };
    let mut view = Function::new([(1, ValType::I32)]);
    view.instructions()
        // realloc(old address, old size, alignment, new size): allocates 8 bytes, aligned to 4.
        .i32_const(0)
        .i32_const(0)
        .i32_const(4)
        .i32_const(8)
        .call(realloc)
        .local_tee(0)
        .i32_const(0)
        .i32_store(word(0))
        .local_get(0)
        // The memory's size in pages of 64 KiB, shifted to bytes.
        .memory_size(0)
        .i32_const(16)
        .i32_shl()
        .i32_store(word(4))
        .local_get(0)
        .end();
    view
}
