//! The types and functions of `wit/`, generated. Change the WIT, and the compiler says what to change here.

wit_bindgen::generate!({
    world: "service",
    path: "wit",
    generate_all,
    pub_export_macro: true,
});
