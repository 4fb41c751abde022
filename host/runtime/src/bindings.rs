//! Generated bindings: the host's side of the platform's interfaces that a component imports.
//!
//! Only imports are bound. Their shape never changes, so every compiled component keeps matching
//! them. Exports are called dynamically, by name, so that they can gain members.

wasmtime::component::bindgen!({
    inline: "
        package task-host:host;
        world imports {
            import task-host:platform/sql@1.0.0;
            import task-host:platform/log@1.0.0;
            import task-host:platform/events@1.0.0;
        }
    ",
    path: "../../wit/platform",
    world: "task-host:host/imports",
    imports: {
        "task-host:platform/sql.query": async | trappable,
        "task-host:platform/sql.execute": async | trappable,
        default: trappable,
    },
});
