//! `wasi:clocks/wall-clock` and `wasi:random/random`. The clock shows the same time during the
//! whole call, and random bytes can be repeated from a seed.

use crate::bindings::wasi::clocks::wall_clock;
use crate::bindings::wasi::random::random;
use crate::state::State;

/// Maximum number of random bytes that one invocation returns. WASI sets no limit, so a component
/// could request all of the host's memory.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

impl wall_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now = self.context("the clock")?.now;
        Ok(wall_clock::Datetime {
            seconds: now.as_secs(),
            nanoseconds: now.subsec_nanos(),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime {
            seconds: 0,
            nanoseconds: 1_000,
        })
    }
}

impl random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let context = self.context("random")?;
        if len > MAX_RANDOM_BYTES {
            return Err(wasmtime::format_err!(
                "{len} random bytes were requested; the maximum at a time is {MAX_RANDOM_BYTES}"
            ));
        }
        let mut bytes = vec![0; len as usize];
        context.fill_random(&mut bytes);
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.context("random")?.fill_random(&mut bytes);
        Ok(u64::from_ne_bytes(bytes))
    }
}
