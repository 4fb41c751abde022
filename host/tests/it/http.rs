//! What HTTP knows and logic need not: the same for every component.

mod body;
mod caching;
mod connection;
mod openapi;
mod routing;
mod tracing;
