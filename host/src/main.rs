//! The `task-host` binary.

fn main() {}
