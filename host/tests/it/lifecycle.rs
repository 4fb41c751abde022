//! Start, drain and end, and the commands beside `serve`.

mod command;
mod comparison;
mod configuration;
mod drain;
mod encryption;
mod start;
