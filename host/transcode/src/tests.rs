//! Tests against real components: WIT text, encoded around a module that does nothing.

pub(super) mod arbitrary;
mod binding;
mod constraints;
mod decoding;
mod documentation;
mod examples;
mod fuzz;
mod in_memory;
mod json_text;
mod limits;
mod parameters;
mod reading;
mod round_trip;
mod running;
mod scalars;
pub(super) mod support;
mod tools;
mod unknown;
mod writing;
