//! A service of named counters, for the host's tests. It shares only the platform's contract with
//! the task management service, and it uses as many WIT types as possible.
//!
//! `counters` is ordinary logic on top of `store`, `echo` returns its arguments, and `naughty`
//! breaks rules. `service` describes the routes to the host.

#![cfg_attr(
    not(target_arch = "wasm32"),
    expect(
        clippy::result_large_err,
        reason = "the contract's problem is large only on targets with 64-bit pointers"
    )
)]

mod bindings;
mod counters;
mod echo;
mod naughty;
mod problems;
mod service;
mod store;
mod table;

/// The implementation of the exported interfaces, one in each module.
struct Component;
