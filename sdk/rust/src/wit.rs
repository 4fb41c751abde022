//! Macros for logic whose interface is written in WIT.

/// Makes the Rust types of a world, from WIT files. The platform's types are this crate's.
///
/// The world must include `task-host:platform/task-service@1.0.0`. `path` is the folder of the WIT, relative to
/// `Cargo.toml`. Further options are those of `wit_bindgen::generate!`, except that `with` comes first, after a
/// semicolon: `{ path: "wit", world: "a:b/c"; with: { … } }`.
///
/// ```text
/// mod bindings {
///     task_host_sdk::bindings!({ path: "wit", world: "bookmarks:api/service" });
/// }
/// ```
#[macro_export]
macro_rules! bindings {
    ({ path: $path:tt, world: $world:literal $(, $option:ident: $value:tt)* $(,)? }) => {
        $crate::bindings!({ path: $path, world: $world; with: {} $(, $option: $value)* });
    };
    ({
        path: $path:tt, world: $world:literal;
        with: { $($key:literal: $module:path),* $(,)? } $(, $option:ident: $value:tt)* $(,)?
    }) => {
        $crate::__private::wit_bindgen::generate!({
            path: $path,
            world: $world,
            generate_all,
            runtime_path: "::task_host_sdk::__private::wit_bindgen::rt",
            bitflags_path: "::task_host_sdk::__private::wit_bindgen::bitflags",
            with: {
                "task-host:platform/types@1.0.0": ::task_host_sdk::types,
                "task-host:platform/sql@1.0.0": ::task_host_sdk::bindings::task_host::platform::sql,
                "task-host:platform/log@1.0.0": ::task_host_sdk::log,
                "task-host:platform/events@1.0.0": ::task_host_sdk::events,
                "task-host:platform/service@1.0.0/method": ::task_host_sdk::service::Method,
                "task-host:platform/service@1.0.0/access": ::task_host_sdk::service::Access,
                "task-host:platform/service@1.0.0/route": ::task_host_sdk::service::Route,
                "task-host:platform/service@1.0.0/migration": ::task_host_sdk::service::Migration,
                "task-host:platform/service@1.0.0/asset": ::task_host_sdk::service::Asset,
                "task-host:platform/service@1.0.0/constraint": ::task_host_sdk::service::Constraint,
                "task-host:platform/service@1.0.0/description": ::task_host_sdk::service::Description,
                $($key: $module),*
            },
            $($option: $value,)*
        });
    };
}
