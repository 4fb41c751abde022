//! A new image for the hosts, as a rolling update brings it: one more host starts and is ready, then
//! one of the old is asked to go. Requests go where the last look found readiness, as the service of
//! a cluster sends them.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, Node};
use super::storm::End;
use crate::client::{Answer, Request};
use crate::harness::{Setup, eventually};

/// How often readiness is looked at, as a part of the drain delay that pods have.
const PROBE: Duration = Duration::from_millis(100);
const DRAIN_DELAY: &str = "2s";
const REPLICAS: usize = 3;

/// Who serves, as the last look found it.
#[derive(Default)]
struct Endpoints {
    ready: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Endpoints {
    fn look(&self, hosts: &[Node]) {
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

/// Keeps a connection for as long as the host does, as a proxy keeps those to what is behind it.
fn ask_on(kept: &mut Option<TcpStream>, next: SocketAddr) -> Answer {
    let mut connection = kept.take().unwrap_or_else(|| {
        let connection = crate::client::connect(next);
        connection.expect("a host that is ready listens")
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
    // It is about connections: a machine that is slow for seconds is another matter.
    let patient = ["--queue-timeout", "--write-hold", "--request-timeout"];
    let setup = || {
        let setup = Setup::tasks().flag("--drain-delay", DRAIN_DELAY);
        patient
            .iter()
            .fold(setup, |setup, flag| setup.flag(flag, "30s"))
    };
    let Some(cluster) = Cluster::of(&setup, 2 * REPLICAS) else {
        return;
    };
    let (old, new) = cluster.hosts.split_at(REPLICAS);
    old.iter().for_each(Node::start);
    let endpoints = Endpoints::default();
    endpoints.look(old);
    let (over, created, read) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let _end = End(&over);
        scope.spawn(|| {
            while !over.load(Relaxed) {
                endpoints.look(&cluster.hosts);
                thread::park_timeout(PROBE);
            }
        });
        scope.spawn(|| {
            while !over.load(Relaxed) {
                draft(endpoints.next()).send().expect(201);
                created.fetch_add(1, Relaxed);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut kept = None;
                while !over.load(Relaxed) {
                    ask_on(&mut kept, endpoints.next()).expect(200);
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
        eventually("the new hosts serve alone", || {
            (endpoints.ready() == serving).then_some(())
        });
    });
    let (created, read) = (created.into_inner(), read.into_inner());
    assert!(
        created > 50 && read > 200,
        "{created} and {read} are no load"
    );
    let summary = new[0].get("/tasks/stats/summary").expect(200).json();
    assert_eq!(
        summary["total"], created,
        "what was acknowledged, and no more"
    );
}
