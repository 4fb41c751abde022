//! The contract's types and functions, generated from `wit/`.
//!
//! The records are used as the domain's own types: there is no second set to convert to, and
//! their documentation is the contract's.

#![expect(missing_docs, reason = "generated: the documentation is in wit/")]

wit_bindgen::generate!({
    path: "../wit/tasks",
    world: "tasks:api/task-management",
    generate_all,
    additional_derives: [PartialEq],
    // The world's exports are described where `export!` is used, and not in what only links this
    // as a library.
    pub_export_macro: true,
});
