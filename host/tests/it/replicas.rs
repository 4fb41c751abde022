//! Many hosts over one PostgreSQL, and what is left of their promises when parts of that die, stand
//! still, or do not hear each other.

mod books;
mod client;
pub mod cluster;
mod faults;
mod history;
mod idempotency;
mod registers;
mod rollout;
mod storm;
mod web;

pub use testkit::proxy::network as proxy;
