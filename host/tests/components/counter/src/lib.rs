//! A service of named counters, for the host's tests. It shares nothing with the task
//! management service but the platform's contract, and uses as many WIT types as it can.
//!
//! `counters` is ordinary logic over `store`, `echo` returns what it is given, and `naughty`
//! breaks rules. `service` tells the host which routes lead there.

#![cfg_attr(
    not(target_arch = "wasm32"),
    expect(
        clippy::result_large_err,
        reason = "the contract's problem is large only where pointers have 64 bits"
    )
)]

mod bindings;
mod counters;
mod echo;
mod naughty;
mod refusals;
mod service;
mod store;
mod table;

/// What the world exports; each module implements one interface.
struct Component;
