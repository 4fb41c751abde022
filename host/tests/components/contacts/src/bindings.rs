//! The bindings of `wit/world.wit`, generated.

#![expect(unsafe_code, reason = "generated: the canonical ABI is pointers")]

use crate::Component;

wit_bindgen::generate!({
    path: "wit",
    world: "contact-service",
    generate_all,
    pub_export_macro: false,
});

// Here and not beside the type, so that the expectations above hold for what it expands to.
export!(Component with_types_in self);
