//! `task-host:platform/log`: the guest's log lines.

use crate::bindings::task_host::platform::log;
use crate::state::State;

impl log::Host for State {
    fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let size = message.len() + fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        self.expect_fiber()?;
        self.hand_over(size)?;
        self.log.write(level, &message, &fields);
        Ok(())
    }
}
