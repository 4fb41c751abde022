//! Many hosts over one PostgreSQL, and what is left of their promises when parts of that die, stand
//! still, or do not hear each other.

pub mod cluster;
mod faults;
mod proxy;
