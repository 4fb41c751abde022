//! The current values of some metrics, for operators who look at one host.

use super::Metrics;

/// How busy the host is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauges {
    /// Requests that are being answered.
    pub active_requests: u64,
    /// Live instances.
    pub pool_in_use: u64,
    /// Requests that wait for the writer or an instance.
    pub queue_waiting: u64,
    /// Requests rejected since the start, because the queue was full or the wait too long.
    pub queue_rejected: u64,
    /// Open connections on the public port.
    pub connections: u64,
    /// Clients that follow the events.
    pub event_streams: u64,
    /// Bytes that the public port keeps for clients.
    pub buffered_bytes: u64,
    /// Bytes that the answer cache holds.
    pub answer_cache_bytes: u64,
}

impl Metrics {
    /// Returns how busy the host is now.
    pub fn gauges(&self) -> Gauges {
        let count = |value: i64| value.max(0).unsigned_abs();
        Gauges {
            active_requests: count(self.active_requests.get()),
            pool_in_use: count(self.pool_in_use.get()),
            queue_waiting: count(self.queue_waiting.get()),
            queue_rejected: self.queue_rejected.get(),
            connections: count(self.connections.get()),
            event_streams: count(self.event_streams.get()),
            buffered_bytes: count(self.buffered.get()),
            answer_cache_bytes: count(self.answer_cache_bytes.get()),
        }
    }
}
