//! How deployments are carried out. The values come from the command line.

use std::time::Duration;

/// How deployments are carried out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How a new revision is judged.
    pub probation: Probation,
    /// How many earlier revisions stay compiled in memory.
    pub keep: usize,
    /// What the database keeps of components and of deployments that have ended.
    pub retention: Retention,
    /// For crash tests: a deployment stops forever before this stage, or at the point `activated`,
    /// which is between the registry's switch and that of the requests.
    pub pause_before: Option<String>,
}

/// How long a new revision is judged, and by what.
#[derive(Debug, Clone)]
pub struct Probation {
    /// How long probation lasts. Zero: no probation.
    pub window: Duration,
    /// The minimum number of requests for a verdict against the revision before the window ends.
    /// At the end of the window, fewer are enough.
    pub requests: u64,
    /// The share of failed requests that is always allowed, 0 to 1.
    pub allowed: f64,
}

/// What the database keeps.
#[derive(Debug, Clone)]
pub struct Retention {
    /// How many components are kept of those that were active last, and how many of those that
    /// were uploaded last.
    pub components: usize,
    /// How many deployments that have ended are kept. Older ones that are still needed stay as
    /// well: those that say which components were active, and which were rolled back.
    pub deployments: u32,
}
