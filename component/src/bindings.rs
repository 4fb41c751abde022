//! The contract's types and functions, generated from `wit/`.
//!
//! The domain uses these records directly, so there is no second set of types to convert to. Their
//! documentation is in the WIT files.

#![expect(missing_docs, reason = "generated: the documentation is in wit/")]

task_host_sdk::bindings!({
    path: "../wit/tasks",
    world: "tasks:api/task-management";
    with: { "wasi:clocks/wall-clock@0.2.0": ::task_host_sdk::bindings::wasi::clocks::wall_clock },
    additional_derives: [PartialEq],
    // The component's exports are defined where `export!` is used. A build that only links this crate
    // as a library has no exports.
    pub_export_macro: true,
});
