//! Start, drain and exit, and the commands other than `serve`.

mod command;
mod comparison;
mod configuration;
mod drain;
mod encryption;
mod environment;
mod output;
mod start;
