//! An acknowledged write survives `kill -9` and a disk that is slow or fails.
//!
//! Killing a process does not prove that it synced, because the page cache survives the process.
//! The tests in `sync` therefore intercept `fdatasync`, and fail if the host does not wait for it. `faults`
//! has disks that are full and files that are damaged, moved or open in two hosts.

mod faults;
mod killed;
mod sync;
