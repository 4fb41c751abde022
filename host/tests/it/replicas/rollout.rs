//! A rolling update of the hosts: a new host starts and becomes ready, then an old host is asked to
//! exit, one after the other. Requests go to the hosts that the last readiness probe found ready, as
//! a Kubernetes service sends them.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, Node};
use crate::client::{Answer, Request};
use crate::harness::{Setup, eventually};
use crate::stop::StopOnDrop;

/// The interval of readiness probes. As for pods, it is a fraction of the drain delay.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
const DRAIN_DELAY: &str = "2s";
const REPLICAS: usize = 3;

/// The hosts that the last probe found ready.
#[derive(Default)]
struct Endpoints {
    ready: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Endpoints {
    fn probe(&self, hosts: &[Node]) {
        let ready = hosts.iter().filter(|host| host.is_ready());
        let ready = ready.map(Node::address).collect();
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = ready;
    }

    fn ready(&self) -> Vec<SocketAddr> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.clone()
    }

    fn next(&self) -> SocketAddr {
        let ready = self.ready();
        ready[self.turn.fetch_add(1, Relaxed) % ready.len()]
    }
}

fn draft(address: SocketAddr) -> Request {
    let body = json!({"title": "During a rollout", "category": "testing", "tags": ["rollout"]});
    Request::new(address, "POST", "/tasks").json(&body)
}

/// Sends a request on a kept connection, or on a new one to `next`. The connection is kept until
/// the host closes it, as a reverse proxy does with its upstream connections.
fn get_on_kept_connection(kept: &mut Option<TcpStream>, next: SocketAddr) -> Answer {
    let mut connection = kept.take().unwrap_or_else(|| {
        let connection = crate::client::connect(next);
        connection.expect("a ready host accepts connections")
    });
    let request = Request::new(next, "GET", "/tasks?limit=5").kept_alive();
    let answer = request.send_on(&mut connection).expect("an answer");
    if answer.header("connection") != Some("close") {
        *kept = Some(connection);
    }
    answer
}

#[test]
fn a_rollout_of_the_host_under_load_fails_no_request() {
    // This test is about connections, so a machine that is slow for seconds must not fail it.
    let long = ["--queue-timeout", "--write-hold", "--request-timeout"];
    let setup = || {
        let setup = Setup::tasks().flag("--drain-delay", DRAIN_DELAY);
        long.iter()
            .fold(setup, |setup, flag| setup.flag(flag, "30s"))
    };
    let Some(cluster) = Cluster::of(&setup, 2 * REPLICAS) else {
        return;
    };
    let (old, new) = cluster.hosts.split_at(REPLICAS);
    old.iter().for_each(Node::start);
    let endpoints = Endpoints::default();
    endpoints.probe(old);
    let (stop, created, read) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                endpoints.probe(&cluster.hosts);
                thread::park_timeout(PROBE_INTERVAL);
            }
        });
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                draft(endpoints.next()).send().expect(201);
                created.fetch_add(1, Relaxed);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut kept = None;
                while !stop.load(Relaxed) {
                    get_on_kept_connection(&mut kept, endpoints.next()).expect(200);
                    read.fetch_add(1, Relaxed);
                }
            });
        }
        for (old, new) in old.iter().zip(new) {
            new.start();
            eventually("the new host gets requests", || {
                endpoints.ready().contains(&new.address()).then_some(())
            });
            old.stop();
        }
        let serving: Vec<_> = new.iter().map(Node::address).collect();
        eventually("only the new hosts serve", || {
            (endpoints.ready() == serving).then_some(())
        });
    });
    let (created, read) = (created.into_inner(), read.into_inner());
    assert!(
        created > 50 && read > 200,
        "only {created} tasks were created and {read} lists read"
    );
    let summary = new[0].get("/tasks/stats/summary").expect(200).json();
    assert_eq!(
        summary["total"], created,
        "all acknowledged tasks exist, and no others"
    );
}
