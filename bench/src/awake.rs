//! Keeps the cores from going to sleep while something is measured.
//!
//! Who sends to a process that waits wakes the core that it will run on. Between the cores of a
//! virtual machine that is a call of the hypervisor, and the server pays for it with every answer
//! that finds the load generator waiting: a slow server with nearly each, a fast one with few. On a
//! network nobody pays for the other side, so here the generator's core stays awake.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use xtask::step;

/// How long waking up may take, as Linux wants to hear it: as a 32-bit number, in microseconds.
const NO_SLEEP: [u8; 4] = 0_i32.to_ne_bytes();

/// As long as it lives, cores stay awake, where the system allows to ask for it.
pub struct Awake(Option<File>);

impl Awake {
    /// Asks for it, and says where that is refused.
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

    /// Whether they stay awake, for people.
    pub fn in_words(&self) -> &'static str {
        match self.0 {
            Some(_) => "kept awake (`/dev/cpu_dma_latency`)",
            None => "free to go to sleep, so that answers pay for waking the load generator",
        }
    }
}
