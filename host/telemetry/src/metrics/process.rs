//! The metrics of the process, read from the kernel at each scrape.
//!
//! Names and meanings are those of every Prometheus client library. On a kernel without `/proc`,
//! the metrics that come from it are left out.

use std::fs;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::time::{ClockId, clock_gettime};

/// Reads the process metrics at each scrape.
#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    /// Takes the current time as the start time: this is created in the first milliseconds of the
    /// process.
    pub(super) fn new() -> Process {
        let started = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        Process { started }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut put = |name: &str, help: &str, unit: Option<Unit>, metric: &dyn EncodeMetric| {
            let encoder =
                encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?;
            metric.encode(encoder)
        };
        put(
            "process_start_time",
            "Start time of the process, since the Unix epoch.",
            Some(Unit::Seconds),
            &ConstGauge::new(self.started),
        )?;
        put(
            "process_cpu",
            "CPU time in user and system mode.",
            Some(Unit::Seconds),
            &ConstCounter::new(cpu_seconds()),
        )?;
        if let Some(bytes) = resident_memory_bytes() {
            put(
                "process_resident_memory",
                "Resident memory.",
                Some(Unit::Bytes),
                &ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX)),
            )?;
        }
        if let Some(open) = open_descriptors() {
            put(
                "process_open_fds",
                "Open file descriptors.",
                None,
                &ConstGauge::new(open),
            )?;
        }
        Ok(())
    }
}

/// Returns the memory of this process that is in RAM. `None` if the kernel does not report it.
pub fn resident_memory_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn open_descriptors() -> Option<i64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the directory that is being listed.
    i64::try_from(open).ok().map(|open| open - 1)
}
