//! A service of named counters, for the host's tests. It shares nothing with the task
//! management service but the platform's contract, and uses as many WIT types as it can.
//!
//! `counters` is ordinary logic over `store`, `echo` returns what it is given, and `naughty`
//! breaks rules. `service` tells the host which routes lead there.

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
