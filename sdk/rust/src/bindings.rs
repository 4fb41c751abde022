//! The platform's types and functions, generated from `wit/`.

#![expect(missing_docs, reason = "generated: the documentation is in wit/")]

wit_bindgen::generate!({
    path: ["wit/clocks", "wit/random", "wit/platform"],
    inline: "
        package task-host:sdk;

        world sdk {
            include task-host:platform/task-service@1.0.0;
            import task-host:platform/types@1.0.0;
            import wasi:clocks/wall-clock@0.2.0;
            import wasi:random/random@0.2.0;
        }
    ",
    generate_all,
    generate_unused_types: true,
    additional_derives: [PartialEq],
    // The component's exports are defined where a service is, not in every component that links this crate.
    pub_export_macro: true,
    default_bindings_module: "task_host_sdk::bindings",
});
