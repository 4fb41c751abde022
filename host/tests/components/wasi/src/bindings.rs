//! The generated bindings of `wit/world.wit`.

#![expect(unsafe_code, reason = "generated: the canonical ABI is pointers")]

use crate::Component;

wit_bindgen::generate!({
    path: "wit",
    world: "wasi-service",
    generate_all,
    pub_export_macro: false,
});

// Here and not next to `Component`, so that the `expect` above also applies to the expanded code.
export!(Component with_types_in self);
