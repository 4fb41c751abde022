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

/// Makes the component of a service whose interface is written in WIT: exports the type's functions and the
/// platform's `service`, and lets tests find the service.
///
/// `describe` returns the routes, migrations and constraints. `assets` is a folder, `check` the self-test and
/// `health` the source of figures for `GET /health`; each can be left out. The order is this one. A test compiles
/// every statement on the schema of the migrations.
///
/// ```text
/// struct Bookmarks;
///
/// #[task_host_sdk::operations]
/// impl Guest for Bookmarks { … }
///
/// task_host_sdk::component!(Bookmarks in crate::bindings, {
///     describe: describe,
///     assets: "web",
///     check: check,
///     health: health,
/// });
/// ```
#[macro_export]
macro_rules! component {
    ($type:ident in $($bindings:ident)::+, {
        describe: $describe:expr
        $(, assets: $assets:literal)?
        $(, check: $check:expr)?
        $(, health: $health:expr)?
        $(,)?
    }) => {
        impl $($bindings)::+::exports::task_host::platform::service::Guest for $type {
            fn describe() -> $crate::service::Description {
                $crate::__private::start();
                $describe()
            }

            fn assets() -> ::std::vec::Vec<$crate::service::Asset> {
                $crate::__private::start();
                let folders: ::std::vec::Vec<::std::vec::Vec<$crate::service::Asset>> =
                    ::std::vec![$($crate::assets!($assets))?];
                folders.concat()
            }

            fn check() -> ::core::result::Result<(), ::std::string::String> {
                $crate::__private::start();
                $(
                    let checked: ::core::result::Result<(), _> = $check();
                    checked.map_err(|error| ::std::string::ToString::to_string(&error))?;
                )?
                ::core::result::Result::Ok(())
            }

            fn health() -> ::core::result::Result<
                ::std::vec::Vec<(::std::string::String, i64)>,
                ::std::string::String,
            > {
                $crate::__private::start();
                let sources: ::std::vec::Vec<::std::vec::Vec<(::std::string::String, i64)>> = ::std::vec![
                    $($health().map_err(|error| $crate::types::Problem::from(error).title)?)?
                ];
                ::core::result::Result::Ok(sources.concat())
            }
        }

        #[cfg(target_family = "wasm")]
        $($bindings)::+::export!($type with_types_in $($bindings)::+);

        #[cfg(not(target_family = "wasm"))]
        $crate::__private::inventory::submit! {
            $crate::testing::Service { describe: $describe }
        }

        #[cfg(test)]
        #[::core::prelude::v1::test]
        fn every_statement_fits_the_schema() {
            $crate::testing::check_statements();
        }
    };
}

/// Reads rows as a record of the WIT: the columns are these fields, in this order.
///
/// ```text
/// task_host_sdk::row!(Bookmark { id, url });
/// ```
#[macro_export]
macro_rules! row {
    ($type:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::rows::Row for $type {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];

            fn read(
                row: &mut $crate::rows::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::rows::Mismatch> {
                ::core::result::Result::Ok(Self {
                    $($field: row.field(concat!(stringify!($type), ".", stringify!($field)))?),+
                })
            }
        }
    };
}

/// Lets an enum of the WIT be a column and a parameter of statements: the texts of its cases.
///
/// ```text
/// task_host_sdk::cases!(State { OnSale = "on-sale", Sold = "sold" });
/// ```
#[macro_export]
macro_rules! cases {
    ($type:ident { $($case:ident = $text:literal),+ $(,)? }) => {
        impl $crate::sql::ToValue for $type {
            fn to_value(&self) -> $crate::sql::Value {
                $crate::sql::Value::Text(::std::string::String::from(match self {
                    $(Self::$case => $text,)+
                }))
            }
        }

        impl $crate::rows::FromCell for $type {
            fn from_cell(
                cell: &$crate::sql::Cell,
                row: &$crate::rows::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::rows::Corrupt> {
                let text = <::std::string::String as $crate::rows::FromCell>::from_cell(cell, row)?;
                match text.as_str() {
                    $($text => ::core::result::Result::Ok(Self::$case),)+
                    _ => ::core::result::Result::Err($crate::rows::Corrupt(concat!(
                        "the column has no case of ",
                        stringify!($type)
                    ))),
                }
            }
        }
    };
}
