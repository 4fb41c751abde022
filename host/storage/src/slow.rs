//! Statements of the logic that took long.

use std::time::Duration;

use crate::Value;

/// A statement that took longer than the database was told to note.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowStatement {
    /// Its text.
    pub text: Box<str>,
    /// The values that it ran with, for [`Database::explain`](crate::Database::explain). They are data of
    /// the application: never log them. Empty if the engine plans without them, or if they are long.
    pub params: Vec<Value>,
    /// How long it took, from its compilation to its last row.
    pub took: Duration,
}

impl SlowStatement {
    /// Maximum number of statements that a transaction notes: the slowest.
    pub const KEPT: usize = 4;

    /// Maximum size of the values that are kept, in bytes.
    const PARAMS_BYTES: usize = 16 << 10;

    /// Notes a statement. The values are only kept if they are short.
    pub(crate) fn new(text: &str, params: &[Value], took: Duration) -> Self {
        let size = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            _ => size_of::<Value>(),
        };
        let short = params.iter().map(size).sum::<usize>() <= Self::PARAMS_BYTES;
        Self {
            text: text.trim().into(),
            params: if short { params.to_vec() } else { Vec::new() },
            took,
        }
    }
}
