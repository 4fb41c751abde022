//! A service that moves its data from the column `phone` to the column `number` while it serves:
//! the worked example of docs/MIGRATIONS.md. `schema` has the steps and statements of each
//! revision. The other modules are the same in all revisions.
//!
//! One component file contains every revision. It also contains a text whose last digit selects the
//! revision. The host's tests change this digit in the file, which makes another component with
//! another digest.

mod bindings;
mod contacts;
mod schema;
mod service;

/// The implementation of the exported interface.
struct Component;

/// The text whose last digit is the revision, from 0 to 3.
static REVISION: [u8; 22] = *b"revision of contacts:0";

/// Returns the number of this revision.
fn revision() -> usize {
    // `black_box` hides the value from the compiler, which would otherwise remove the other revisions.
    let text = std::hint::black_box(&REVISION);
    usize::from(text[text.len() - 1] - b'0')
}
