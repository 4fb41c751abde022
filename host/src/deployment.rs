//! From a component's bytes to a revision that may serve: every check that stands between.
//!
//! A component that fails any of them leaves nothing behind.

mod gate;
pub mod model;
mod refused;
mod routes;
pub mod signature;

pub use self::gate::{Gate, digest_of};
pub use self::refused::Refused;
