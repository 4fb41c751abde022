//! The same binary runs a service that has nothing to do with tasks.

mod counters;
pub mod echo;
