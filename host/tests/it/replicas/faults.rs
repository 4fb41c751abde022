//! What may happen to hosts, to their ways to the database, and to the database, under load.

use super::cluster::Cluster;
use super::proxy::Cut;
use super::storm::survive;
use crate::postgres::Stop;

#[test]
fn hosts_that_are_killed_lose_nothing_and_do_nothing_twice() {
    survive("hosts killed with -9", |storm| {
        for host in &storm.cluster.hosts {
            host.kill();
            storm.loses();
            host.restart();
            storm.recovers("a host was killed");
        }
    });
}

#[test]
fn hosts_that_stand_still_serve_nothing_stale_when_they_go_on() {
    survive("hosts paused", |storm| {
        for host in &storm.cluster.hosts {
            host.pause();
            storm.loses();
            host.resume();
            storm.recovers("a host stood still");
        }
    });
}

#[test]
fn hosts_that_are_cut_off_from_the_database_come_back_by_themselves() {
    survive("hosts cut off from the database", |storm| {
        for (host, cut) in [(0, Cut::Refused), (1, Cut::Silent), (2, Cut::Deaf)] {
            let host = &storm.cluster.hosts[host];
            host.cut(cut);
            storm.fails();
            storm.calm();
            host.reconnect();
            storm.recovers(&format!("{cut:?}"));
        }
    });
}

#[test]
fn connections_that_are_forgotten_on_the_way_are_replaced_within_seconds() {
    survive("connections forgotten on the way", |storm| {
        for host in &storm.cluster.hosts {
            host.way.forget();
        }
        storm.recovers("connections were forgotten");
    });
}

#[test]
fn a_database_that_is_restarted_or_crashes_loses_nothing_that_was_acknowledged() {
    survive("PostgreSQL restarted and crashed", |storm| {
        for stop in [Stop::Fast, Stop::Killed, Stop::Immediate] {
            storm.cluster.postgres.halt(stop);
            storm.fails();
            storm.cluster.postgres.resume();
            storm.recovers(&format!("{stop:?}"));
        }
        storm.cluster.postgres.crash();
        storm.recovers("killed and back at once");
    });
}

#[test]
fn a_host_that_lost_its_database_says_so_until_it_is_back() {
    let Some(cluster) = Cluster::start(2) else {
        return;
    };
    let [other, host] = &cluster.hosts[..] else {
        panic!("two were asked for");
    };
    for cut in [Cut::Refused, Cut::Silent, Cut::Deaf] {
        host.cut(cut);
        let asked = host.get("/readyz");
        assert_eq!(asked.status, 503, "{cut:?}: {asked}");
        host.get("/tasks").problem(503, "unavailable");
        host.get("/livez").expect(200);
        other.get("/readyz").expect(200);
        host.reconnect();
        host.ready();
    }
}
