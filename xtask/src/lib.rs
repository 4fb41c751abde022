//! What `cargo xtask` and the benchmark share: the workspace's folders, components, Python
//! environments, and the steps that a command announces and runs.
//!
//! The commands themselves are in `main.rs` and its modules.

pub mod component;
pub mod python;
pub mod step;
pub mod toolchain;
pub mod workspace;
