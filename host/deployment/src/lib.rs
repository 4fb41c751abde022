//! Replaces the logic: from a component's bytes to a revision that serves, and back.
//!
//! [`start()`] decides with which revision a host starts. [`Deployments`] replaces it, by the orders
//! of the [`Admin`] interface: each deployment passes the checks of the [`Gate`], is switched to
//! atomically, and is watched in probation. The registry remembers every attempt. A component that
//! is rejected leaves nothing else behind.
//!
//! To follow one deployment from its upload to its end, read downwards: `admin` (the interface),
//! `deployments` (orders and views), `rollouts` (the task that runs here), `rollout` (the stages in
//! order), `gate` (the checks), `rollout/rehearsal`, `rollout/staging`, `rollout/trial`, `rollout/switch`,
//! `rollout/probation` (the other stages), `revisions` (what requests run on). No file imports one
//! above it.
//!
//! What happens beside that: `start` and `recovery` decide after a restart or crash, `cluster` and
//! `follower` keep the hosts of one database together, `declared` deploys what the configuration
//! names, `retention` forgets.
//!
//! This crate does not know HTTP.

mod admin;
mod cluster;
mod declared;
mod deployments;
mod follower;
mod gate;
mod history;
mod host;
mod journal;
pub mod model;
mod recovery;
mod rejection;
mod retention;
mod revisions;
mod rollout;
mod rollouts;
mod settings;
pub mod signature;
mod start;
mod views;

pub use self::admin::{Admin, AdminError, Attempt};
pub use self::cluster::{JoinError, Member};
pub use self::deployments::Deployments;
pub use self::gate::Gate;
pub use self::gate::routes::{check_description, router};
pub use self::history::Filter;
pub use self::rejection::Rejection;
pub use self::settings::{Probation, Retention, Settings};
pub use self::start::{Bundled, Start, StartError, start};
