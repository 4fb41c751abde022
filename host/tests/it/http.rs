//! HTTP features that the host provides in the same way for every component.

mod body;
mod caching;
mod connection;
mod openapi;
mod prefer;
mod routing;
mod tracing;
