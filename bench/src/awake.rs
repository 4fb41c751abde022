//! Keeps the cores from going to sleep while something is measured.
//!
//! A process that sends to a waiting process wakes the core of the receiver. Between the cores of a
//! virtual machine that is a call of the hypervisor, and the server pays for it with every answer that
//! finds the load generator waiting: a slow server with nearly every answer, a fast one with few. On a
//! network a server does not pay for its client's core, so here the generator's core is kept awake.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use xtask::step;

/// The longest permitted wake-up time, in the form that Linux expects: a 32-bit number of microseconds.
const NO_SLEEP: [u8; 4] = 0_i32.to_ne_bytes();

/// Keeps the cores awake until it is dropped, if the system permits that.
pub struct Awake(Option<File>);

impl Awake {
    /// Asks the system for it, and prints a note if it refuses.
    pub fn keep() -> Self {
        let file = OpenOptions::new().write(true).open("/dev/cpu_dma_latency");
        let asked = file.and_then(|mut file| file.write_all(&NO_SLEEP).map(|()| file));
        if let Err(error) = &asked {
            step::note(&format!(
                "cores may go to sleep, and waking them counts: /dev/cpu_dma_latency: {error}"
            ));
        }
        Self(asked.ok())
    }

    /// Says whether the cores are kept awake, for the report.
    pub fn label(&self) -> &'static str {
        match self.0 {
            Some(_) => "kept awake (`/dev/cpu_dma_latency`)",
            None => "free to go to sleep, so that answers pay for waking the load generator",
        }
    }
}
