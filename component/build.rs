//! Lays out the component's memory: first the stack, then statics, then room to allocate in.
//!
//! What a call writes to is cleared after it, from the lowest address up to what the host keeps of
//! an instance; pages above that are given back, and the next call has to ask for them anew. In this
//! order a small call has all its pages at the front, whatever a large one before it wrote to.

/// Eight times what the tests of the API need. The stack grows towards address 0, so a call that
/// needs more traps, and overwrites nothing.
const STACK_BYTES: u32 = 128 << 10;
/// All memory at the start. Behind stack and statics it leaves room for 100 ordinary tasks, so that
/// hardly a call has to grow it.
const MEMORY_BYTES: u32 = 512 << 10;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={MEMORY_BYTES}");
    }
}
