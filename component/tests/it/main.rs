//! The operations over the embedded engine, in memory: both contracts without a host.

mod bulk;
mod database;
mod dependencies;
mod drafts;
mod events;
mod figures;
mod lists;
mod search;
mod service;
mod simple;
mod updates;
