//! Sets the layout of the component's memory: the stack, then the statics, then the heap.
//!
//! After a call, the host clears the memory of the instance from the lowest address up to a fixed
//! size, and returns the pages above that size to the operating system. The next call then has to
//! request those pages again. With this layout a small call uses only pages at the front, even if a
//! large call used the same memory before.

/// Eight times what the API's tests need. The stack grows towards address 0. If a call needs more, it
/// traps and overwrites nothing.
const STACK_BYTES: u32 = 128 << 10;
/// Initial size of the memory. After the stack and the statics it has room for 100 ordinary tasks, so
/// that few calls need to grow it.
const MEMORY_BYTES: u32 = 640 << 10;

fn main() {
    for path in ["build.rs", "migrations", "web"] {
        println!("cargo::rerun-if-changed={path}");
    }
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={MEMORY_BYTES}");
    }
}
