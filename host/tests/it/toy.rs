//! A service that has nothing to do with tasks, on the same binary.

mod counters;
mod echo;
