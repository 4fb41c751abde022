//! Components that the host must refuse to serve, and components that fail while they serve a
//! request.

pub mod probe;
mod refused;
mod running;
