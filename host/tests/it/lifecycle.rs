//! Start, drain and end, and the commands beside `serve`.

mod command;
mod configuration;
mod drain;
mod start;
