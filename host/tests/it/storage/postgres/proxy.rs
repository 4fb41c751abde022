//! A way to the server that loses one COMMIT, or its answer.

pub use testkit::proxy::commit::{Cut, Proxy};
