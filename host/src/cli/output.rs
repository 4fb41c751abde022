//! How the subcommands present results: formatted values, tables, and progress while something runs.
//!
//! Text for people fits into [`format::WIDTH`] columns. JSON for scripts is written by the
//! subcommands themselves, except for the events of a deployment, which [`report`] writes in both
//! forms.

pub(super) mod deployments;
pub(super) mod format;
pub(super) mod progress;
pub(super) mod report;
pub(super) mod table;
