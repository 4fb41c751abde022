//! Events: checked here, so that every engine and every reader may rely on their rules.

use super::super::bindings::task_host::platform::events;
use super::super::fault::{Fault, Interruption};
use super::super::state::State;
use super::impure;
use storage::Event;

impl events::Host for State {
    fn publish(&mut self, event: events::Event) -> wasmtime::Result<()> {
        let attributes = event.attributes.iter();
        let size = event.kind.len()
            + event.subject.len()
            + attributes.map(|(k, v)| k.len() + v.len()).sum::<usize>();
        self.hand_over(size)?;
        let transaction = self.transaction.as_mut().ok_or_else(|| impure("events"))?;
        self.events_left = self
            .events_left
            .checked_sub(1)
            .ok_or(Interruption::from(Fault::Events))?;
        let event = Event::new(event.kind, event.subject, event.attributes)
            .map_err(|broken| Interruption::from(Fault::Event(broken.to_string())))?;
        transaction
            .publish(event)
            .map_err(|refused| Interruption::from(Fault::Event(refused.detail)))?;
        Ok(())
    }
}
