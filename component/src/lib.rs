//! The task management logic: domain rules, SQL and migrations, without HTTP and JSON.
//!
//! Each function of [`operations`] and [`simple`] is one request inside a transaction that the
//! caller began. They reach the outside through [`platform::Platform`] alone: in the component
//! that is the host's imports, in a test or a native build whatever implements it.
//!
//! `bindings -> domain -> store -> operations, simple, service -> exports`: each knows only
//! what stands left of it.

#[cfg(any(target_arch = "wasm32", test))]
mod arena;
mod bindings;
pub mod contract;
mod domain;
#[cfg(all(target_arch = "wasm32", feature = "exports"))]
mod exports;
pub mod operations;
pub mod platform;
pub mod refusal;
pub mod service;
pub mod simple;
mod store;
