//! task-host: runs a service whose logic is a WebAssembly component.
//!
//! Each module is a layer, and dependencies point one way:
//! `cli -> server -> deployment -> request -> {transcode, runtime, storage}`. `contract` holds the
//! words they share, `metrics` the figures they count and `telemetry` the traces they send; these
//! depend on none of the others.

#![warn(missing_docs)]

pub mod cli;
pub mod contract;
pub mod deployment;
pub mod metrics;
pub mod request;
pub mod runtime;
pub mod server;
pub mod storage;
pub mod telemetry;
pub mod transcode;
