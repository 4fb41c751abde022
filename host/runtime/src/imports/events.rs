//! `task-host:platform/events`. Events are checked here, so that every storage engine and every
//! reader can rely on their rules.

use crate::bindings::task_host::platform::events;
use crate::fault::{Fault, Interruption};
use crate::state::State;
use storage::Event;

impl events::Host for State {
    fn publish(&mut self, event: events::Event) -> wasmtime::Result<()> {
        let attributes = event.attributes.iter();
        let attributes_count = attributes.len();
        let size = event.kind.len()
            + event.subject.len()
            + attributes.map(|(k, v)| k.len() + v.len()).sum::<usize>();
        self.hand_over(size)?;
        let whole = size + attributes_count * size_of::<(String, String)>() + size_of::<Event>();
        self.memory.keep(whole).map_err(Interruption::from)?;
        let context = self.context("events")?;
        context.events_left = context
            .events_left
            .checked_sub(1)
            .ok_or(Interruption::from(Fault::Events))?;
        let event = Event::new(event.kind, event.subject, event.attributes)
            .map_err(|broken| Interruption::from(Fault::Event(broken.to_string())))?;
        if let Some(recording) = &mut self.recording {
            recording.publish(&event);
        }
        self.context("events")?
            .transaction
            .publish(event)
            .map_err(|refused| Interruption::from(Fault::Event(refused.detail)))?;
        Ok(())
    }
}
