//! One fault after the other, each seen from outside.

use super::cluster::Cluster;
use super::proxy::Cut;

#[test]
fn hosts_serve_again_after_each_fault() {
    let Some(cluster) = Cluster::start(2) else {
        return;
    };
    let host = &cluster.hosts[1];
    host.restart();
    host.ready();
    host.pause();
    host.resume();
    host.ready();
    for cut in [Cut::Refused, Cut::Silent, Cut::Deaf] {
        host.cut(cut);
        let asked = host.get("/readyz");
        assert_eq!(asked.status, 503, "{cut:?}: {asked}");
        cluster.hosts[0].get("/readyz").expect(200);
        host.reconnect();
        host.ready();
    }
    host.way.forget();
    host.ready();
    for again in [
        crate::postgres::Server::restart,
        crate::postgres::Server::crash,
        crate::postgres::Server::abort,
    ] {
        again(&cluster.postgres);
        cluster.hosts.iter().for_each(|host| host.ready());
    }
}
