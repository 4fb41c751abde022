//! Components that no host may serve, and ones that turn bad at a request.

pub mod probe;
mod refused;
mod running;
