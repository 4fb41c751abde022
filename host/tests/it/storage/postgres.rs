//! What only PostgreSQL has.

mod escapes;

use super::*;
