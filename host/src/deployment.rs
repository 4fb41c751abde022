//! From a component's bytes to a revision that may serve: every check that stands between.
//!
//! A component that fails any of them leaves nothing behind.

mod gate;
pub mod model;
mod refused;
mod routes;

pub use self::gate::{Gate, check_description, digest_of};
pub use self::refused::Refused;
pub use self::routes::router;
