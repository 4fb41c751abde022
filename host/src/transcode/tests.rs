//! Transcoding against real components: WIT text, encoded around a module that does nothing.

mod binding;
mod decoding;
mod documentation;
mod json_text;
mod parameters;
mod reading;
mod round_trip;
mod running;
mod scalars;
mod support;
mod writing;
