//! Replacing the logic: from a component's bytes to a revision that serves, and back.
//!
//! [`start()`] says which revision a host begins with, [`Deployments`] replaces it: each
//! deployment goes through the [`Gate`]'s checks, is switched to atomically, and is watched in
//! probation. Every attempt is remembered in the registry. A component that is refused leaves
//! nothing but that.

mod code;
mod declared;
mod deployments;
mod elsewhere;
mod following;
mod gate;
mod history;
mod journal;
mod member;
pub mod model;
mod past;
mod probation;
mod refused;
mod retention;
mod rollout;
mod routes;
mod running;
pub mod signature;
mod staging;
mod start;
mod trial;
mod views;

pub use self::deployments::{Deployments, OrderError, Settings};
pub use self::gate::{Gate, check_description, digest_of};
pub use self::history::Attempt;
pub use self::member::Member;
pub use self::probation::Probation;
pub use self::refused::Refused;
pub use self::retention::Retention;
pub use self::routes::router;
pub use self::start::{Bundled, Start, StartError, start};
