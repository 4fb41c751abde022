//! Clients that work on three hosts while a test causes faults, and the checks of what they saw.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use serde_json::json;

use super::client::Client;
use super::cluster::{Cluster, Node};
use super::dependencies::Dependencies;
use super::registers::Registers;
use super::transfers::Transfers;
use crate::harness::eventually;
use crate::stop::StopOnDrop;

/// Number of workers on the registers. Transfers and dependencies have further ones.
const REGISTER_WORKERS: usize = 3;

/// The running workload, as the code that causes faults sees it.
pub struct Workload<'a> {
    pub cluster: &'a Cluster,
    client: &'a Client<'a>,
}

/// Runs clients on three hosts while `cause_faults` runs, then checks every answer that they got.
/// Does nothing if PostgreSQL is not installed and not required.
pub fn run_with_faults(name: &str, cause_faults: impl FnOnce(&Workload<'_>)) {
    let Some(cluster) = Cluster::start(3) else {
        return;
    };
    let begun = Instant::now();
    let client = Client::new(&cluster);
    let (registers, transfers, dependencies) = (
        Registers::new(&client),
        Transfers::new(&client),
        Dependencies::new(&client),
    );
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for worker in 0..REGISTER_WORKERS {
            let (registers, stop) = (&registers, &stop);
            scope.spawn(move || registers.work(worker, stop));
        }
        scope.spawn(|| transfers.create(&stop));
        scope.spawn(|| transfers.audit(&stop));
        scope.spawn(|| dependencies.create_and_delete(&stop));
        scope.spawn(|| dependencies.change_ring(&stop));
        scope.spawn(|| dependencies.audit(&stop));
        let workload = Workload {
            cluster: &cluster,
            client: &client,
        };
        workload.wait_for_answers();
        cause_faults(&workload);
        workload.wait_for_answers();
        eventually("every client has done enough", || {
            (registers.has_run() && transfers.has_run() && dependencies.has_run()).then_some(())
        });
    });
    for host in &cluster.hosts {
        host.ready();
    }
    registers.check(&cluster);
    transfers.check();
    dependencies.check();
    print_always(&format!("{name}: {client}, in {:.1?}", begun.elapsed()));
}

impl Workload<'_> {
    /// Waits until some requests are answered.
    pub fn wait_for_answers(&self) {
        self.more("requests are answered", &self.client.answered, 100);
    }

    /// Waits until some requests get no answer while others do.
    pub fn wait_for_lost_requests(&self) {
        self.more("requests are lost", &self.client.lost, 3);
        self.more("others are answered", &self.client.answered, 20);
    }

    /// Waits until some requests are lost or refused.
    pub fn wait_for_failures(&self) {
        let Client { lost, refused, .. } = self.client;
        let failed = || lost.load(Relaxed) + refused.load(Relaxed);
        let before = failed();
        eventually("requests fail", || (failed() > before + 5).then_some(()));
    }

    /// Waits until every host writes and reads again, and prints how long that took.
    pub fn wait_for_recovery(&self, fault: &str) {
        let begun = Instant::now();
        for host in &self.cluster.hosts {
            wait_until_it_writes_and_reads(host);
        }
        let took = begun.elapsed();
        print_always(&format!(
            "{fault}: every host writes again after {took:.1?}"
        ));
    }

    #[track_caller]
    fn more(&self, what: &str, count: &AtomicU64, more: u64) {
        let before = count.load(Relaxed);
        eventually(what, || {
            (count.load(Relaxed) >= before + more).then_some(())
        });
    }
}

fn wait_until_it_writes_and_reads(host: &Node) {
    let body = json!({"title": "a probe", "category": "testing"});
    eventually("the host writes", || {
        let made = host.request("POST", "/tasks").json(&body).try_send().ok()?;
        (made.status == 201).then_some(())
    });
    eventually("the host reads", || {
        let read = host.request("GET", "/tasks?limit=1").try_send().ok()?;
        (read.status == 200).then_some(())
    });
}

/// Prints a line even if the test passes, when `println` would be captured: these figures are meant
/// to be seen.
fn print_always(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
