//! The client of a host's admin API, for the subcommands that deploy and inspect.
//!
//! A command creates one [`Client`]. Every call has a timeout, except [`Client::follow`], which
//! waits as long as a deployment takes. The client never uses a proxy: the admin port is close, and
//! the token is meant for the host only.

mod api;
mod args;
mod error;
mod follow;
pub(super) mod sse;

#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;

pub(super) use self::api::{Client, Upload};
pub(super) use self::args::{Args, Credentials, Shares, base, canary_percent};
pub(super) use self::error::Error;
pub(super) use self::follow::{RetryPolicy, Update};
