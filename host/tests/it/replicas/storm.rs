//! Clients at work while harm is done, and what has to hold afterwards.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use serde_json::json;

use super::books::Books;
use super::client::Client;
use super::cluster::{Cluster, Node};
use super::registers::Registers;
use super::web::Web;
use crate::harness::eventually;

/// Clients that work on registers; those of the books and of the web come to them.
const WORKERS: usize = 3;

/// What who does harm may see.
pub struct Storm<'a> {
    pub cluster: &'a Cluster,
    client: &'a Client<'a>,
}

/// Lets clients work on three hosts while harm is done, then looks at all that they were told.
/// Nothing runs where PostgreSQL is missing and may be.
pub fn survive(name: &str, harm: impl FnOnce(&Storm<'_>)) {
    let Some(cluster) = Cluster::start(3) else {
        return;
    };
    let begun = Instant::now();
    let client = Client::new(&cluster);
    let (registers, books, web) = (
        Registers::new(&client),
        Books::new(&client),
        Web::new(&client),
    );
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&over);
        for worker in 0..WORKERS {
            let (registers, over) = (&registers, &over);
            scope.spawn(move || registers.work(worker, over));
        }
        scope.spawn(|| books.transfer(&over));
        scope.spawn(|| books.audit(&over));
        scope.spawn(|| web.weave(&over));
        scope.spawn(|| web.turn(&over));
        scope.spawn(|| web.audit(&over));
        let storm = Storm {
            cluster: &cluster,
            client: &client,
        };
        storm.calm();
        harm(&storm);
        storm.calm();
        eventually("everybody has done enough", || {
            (registers.has_run() && books.has_run() && web.has_run()).then_some(())
        });
    });
    for host in &cluster.hosts {
        host.ready();
    }
    registers.check(&cluster);
    books.check();
    web.check();
    say(&format!("{name}: {client}, in {:.1?}", begun.elapsed()));
}

/// Says that it is over when it is dropped, also where a test fails: workers would never end.
pub struct End<'a>(pub &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Storm<'_> {
    /// Waits until some requests were answered.
    pub fn calm(&self) {
        self.more("requests are answered", &self.client.answered, 100);
    }

    /// Waits until some got no answer while others did.
    pub fn loses(&self) {
        self.more("requests are lost", &self.client.lost, 3);
        self.more("others are answered", &self.client.answered, 20);
    }

    /// Waits until some were not served.
    pub fn fails(&self) {
        let Client { lost, refused, .. } = self.client;
        let failed = || lost.load(Relaxed) + refused.load(Relaxed);
        let before = failed();
        eventually("requests fail", || (failed() > before + 5).then_some(()));
    }

    /// Waits until each of the hosts writes again, and says how long that took.
    pub fn recovers(&self, fault: &str) {
        let begun = Instant::now();
        for host in &self.cluster.hosts {
            writes(host);
        }
        let took = begun.elapsed();
        say(&format!(
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

/// Waits until a host has written and read what it wrote.
fn writes(host: &Node) {
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

/// Prints past the capture of a test that passes: these are figures to be seen.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
