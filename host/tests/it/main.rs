//! Tests at the host's boundaries, one module a boundary, in one binary that links once.

mod storage;
