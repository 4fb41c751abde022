//! How an instance's memory is cleared before the next instance gets it.
//!
//! wasmtime can clear only the pages that a call wrote, which the kernel lists (`PAGEMAP_SCAN`). That
//! saves a fifth of a small request's CPU time. But wasmtime 48 asks only for pages that are
//! *present*: a written page that was swapped out is neither cleared nor given back, and the next
//! instance reads it (fixed in wasmtime 50). So the scan is used only where the kernel cannot swap
//! out pages of this process. Otherwise memory is cleared exactly: the first bytes are overwritten,
//! and the kernel takes the rest back.
//!
//! Locking the pages (`mlockall`) would keep them present too, but is not used. The kernel refuses
//! to take locked pages back (`MADV_DONTNEED`), so the process would never return memory, and
//! wasmtime would have to map the memory of each larger call anew.

use std::fs;
use std::path::Path;

use wasmtime::PoolingAllocationConfig;

use super::cgroup::Cgroups;

/// How memory shall be cleared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClearMemory {
    /// By scan if the kernel cannot swap out pages of this process, else exactly.
    #[default]
    Auto,
    /// By scan, if the kernel offers it.
    Scan,
    /// Exactly.
    Exact,
}

/// How memory is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearingMode {
    /// The pages that the kernel lists as written are overwritten.
    Scan,
    /// All memory is overwritten or given back to the kernel.
    Exact,
}

impl ClearingMode {
    /// Returns the mode's name in logs, status and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ClearingMode::Scan => "scan",
            ClearingMode::Exact => "exact",
        }
    }
}

/// How memory is cleared in this process, and whether that is safe now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clearing {
    /// The mode. It is chosen at start.
    pub mode: ClearingMode,
    /// Why this mode, for people.
    pub reason: String,
    /// Why a page of one call may reach the next one now: memory is cleared by scan, and the kernel
    /// can swap out pages of this process. Swap may have been added after the start.
    pub risk: Option<String>,
}

impl Clearing {
    /// Chooses how this process clears memory.
    pub(super) fn choose(wanted: ClearMemory) -> Self {
        let available = PoolingAllocationConfig::is_pagemap_scan_available();
        choose(wanted, available, Swap::below(Path::new("/")))
    }

    /// Looks again whether the mode is safe.
    pub(super) fn checked_again(&self) -> Self {
        Clearing {
            risk: risk(self.mode, Swap::below(Path::new("/"))),
            ..self.clone()
        }
    }
}

fn choose(wanted: ClearMemory, available: bool, swap: Swap) -> Clearing {
    let (mode, reason) = match (wanted, &swap) {
        (ClearMemory::Exact, _) => (ClearingMode::Exact, "--clear-memory exact".to_owned()),
        _ if !available => (
            ClearingMode::Exact,
            "the kernel cannot list written pages, which Linux 6.7 and later can".to_owned(),
        ),
        (ClearMemory::Scan, _) => (ClearingMode::Scan, "--clear-memory scan".to_owned()),
        (ClearMemory::Auto, Swap::Impossible(reason)) => (ClearingMode::Scan, reason.clone()),
        (ClearMemory::Auto, Swap::Possible(reason)) => (ClearingMode::Exact, reason.clone()),
    };
    Clearing {
        mode,
        reason,
        risk: risk(mode, swap),
    }
}

fn risk(mode: ClearingMode, swap: Swap) -> Option<String> {
    match (mode, swap) {
        (ClearingMode::Scan, Swap::Possible(reason)) => Some(reason),
        _ => None,
    }
}

/// Whether the kernel can swap out pages of this process, and why.
#[derive(Debug, PartialEq, Eq)]
enum Swap {
    Impossible(String),
    Possible(String),
}

impl Swap {
    /// Looks below `root`, which is `/` except in tests.
    fn below(root: &Path) -> Self {
        if let Some(group) = Cgroups::below(root).forbids_swap() {
            let file = group.join("memory.swap.max");
            return Swap::Impossible(format!("{} is 0", file.display()));
        }
        let Ok(swaps) = fs::read_to_string(root.join("proc/swaps")) else {
            return Swap::Possible("/proc/swaps cannot be read, so there may be swap".to_owned());
        };
        // The first line is a heading.
        let mut areas = swaps.lines().skip(1).filter(|line| !line.trim().is_empty());
        match areas.next() {
            None => Swap::Impossible("the machine has no swap".to_owned()),
            Some(area) => Swap::Possible(format!(
                "the machine has swap ({}), and no memory.swap.max of 0 forbids its use",
                area.split_whitespace().next().unwrap_or_default()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cgroup::tests::{UNIFIED, machine};
    use super::*;

    const HEADING: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    fn chosen(wanted: ClearMemory, available: bool, files: &[(&str, &str)]) -> Clearing {
        choose(wanted, available, Swap::below(machine(files).path()))
    }

    fn with_swap() -> String {
        format!("{HEADING}/dev/dm-1                               partition\t1048572\t0\t-2\n")
    }

    #[test]
    fn memory_is_cleared_by_scan_where_the_machine_has_no_swap() {
        let clearing = chosen(ClearMemory::Auto, true, &[("proc/swaps", HEADING)]);
        assert_eq!(clearing.mode, ClearingMode::Scan);
        assert_eq!(clearing.reason, "the machine has no swap");
        assert_eq!(clearing.risk, None);
    }

    #[test]
    fn memory_is_cleared_exactly_where_pages_can_be_swapped_out() {
        let clearing = chosen(ClearMemory::Auto, true, &[("proc/swaps", &with_swap())]);
        assert_eq!(clearing.mode, ClearingMode::Exact);
        assert!(clearing.reason.contains("/dev/dm-1"), "{}", clearing.reason);
        assert_eq!(clearing.risk, None);
    }

    #[test]
    fn memory_is_cleared_by_scan_where_the_group_forbids_swap() {
        let files = [
            ("proc/swaps", &*with_swap()),
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", UNIFIED),
            ("sys/fs/cgroup/memory.swap.max", "0\n"),
        ];
        let clearing = chosen(ClearMemory::Auto, true, &files);
        assert_eq!(clearing.mode, ClearingMode::Scan);
        assert!(
            clearing.reason.ends_with("memory.swap.max is 0"),
            "{clearing:?}"
        );
        assert_eq!(clearing.risk, None);
    }

    #[test]
    fn memory_is_cleared_exactly_where_nothing_is_known_about_swap() {
        let clearing = chosen(ClearMemory::Auto, true, &[]);
        assert_eq!(clearing.mode, ClearingMode::Exact);
    }

    #[test]
    fn a_flag_forces_the_mode_and_the_risk_is_reported() {
        let swap = with_swap();
        let swap = [("proc/swaps", &*swap)];
        let exact = chosen(ClearMemory::Exact, true, &[("proc/swaps", HEADING)]);
        assert_eq!((exact.mode, exact.risk), (ClearingMode::Exact, None));
        let scan = chosen(ClearMemory::Scan, true, &swap);
        assert_eq!(scan.mode, ClearingMode::Scan);
        assert!(scan.risk.expect("a risk").contains("/dev/dm-1"));
    }

    #[test]
    fn a_kernel_that_cannot_list_written_pages_clears_exactly() {
        for wanted in [ClearMemory::Auto, ClearMemory::Scan] {
            let clearing = chosen(wanted, false, &[("proc/swaps", HEADING)]);
            assert_eq!(clearing.mode, ClearingMode::Exact);
            assert!(clearing.reason.contains("6.7"), "{clearing:?}");
        }
    }

    #[test]
    fn swap_that_is_added_after_the_start_is_a_risk() {
        let clearing = chosen(ClearMemory::Auto, true, &[("proc/swaps", HEADING)]);
        let swap = Swap::below(machine(&[("proc/swaps", &with_swap())]).path());
        assert!(risk(clearing.mode, swap).is_some());
    }
}
