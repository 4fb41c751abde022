//! SQLite, the embedded engine.
