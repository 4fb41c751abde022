//! `cargo xtask bench --replicas`: what a request costs on one, two and three hosts over one
//! PostgreSQL database, and how long a deployment to ten hosts takes.
//!
//! Two cores show no more throughput with more hosts, so the hosts' CPU time for each request is
//! compared. If it grew with the number of hosts, they would not scale. The groups take turns, each on
//! a database of its own.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use testkit::client::Connection;
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;
use crate::copy::draft;
use crate::hosts::Hosts;
use crate::postgres::Cluster;
use crate::random::Random;
use crate::server::Server;
use crate::statistics::Spread;

/// Number of hosts in each group.
const GROUPS: [u64; 3] = [1, 2, 3];
/// Rounds that are measured, after one that is not.
const ROUNDS: usize = 5;
/// Clients for each host of a group: a group gets larger because it has more clients.
const CLIENTS: u64 = 6;
/// Requests of each client in a round. One of four is a write.
const REQUESTS: u64 = 1000;
/// Number of hosts that are deployed to.
const MANY: u64 = 10;
/// Number of deployments to them.
const DEPLOYMENTS: u8 = 5;

/// Measures, and writes `replicas.md` to `target/bench`.
///
/// # Errors
/// If PostgreSQL is missing, a host does not answer, or a deployment is refused.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let hosts = Hosts::prepare(workspace, arguments, "replicas")?;
    let file = hosts.folder.with_file_name("replicas.md");
    let groups = Groups {
        hosts,
        cluster: Cluster::start()?,
    };
    let mut markdown = groups.cost()?;
    markdown += &groups.deployments()?;
    fs::write(file, &markdown)?;
    print!("{markdown}");
    Ok(())
}

/// What groups of hosts are started from.
struct Groups {
    hosts: Hosts,
    cluster: Cluster,
}

impl Groups {
    /// Measures the CPU time for a request, by the number of hosts.
    fn cost(&self) -> Result<String> {
        let groups = GROUPS.map(|count| self.start(count));
        let groups = groups.into_iter().collect::<Result<Vec<_>>>()?;
        let mut costs = vec![Vec::new(); groups.len()];
        for round in 0..=ROUNDS {
            for (hosts, costs) in groups.iter().zip(&mut costs) {
                let before = cpu_seconds(hosts)?;
                load(hosts)?;
                let requests = CLIENTS * hosts.len() as u64 * REQUESTS;
                let micros = (cpu_seconds(hosts)? - before) * 1e6 / requests as f64;
                costs.extend((round > 0).then_some(micros));
            }
        }
        let mut text =
            "| hosts | CPU us a request | of one host |\n| --- | --- | --- |\n".to_owned();
        for (count, cost) in GROUPS.iter().zip(&costs) {
            let ratios = cost.iter().zip(&costs[0]).map(|(some, one)| some / one);
            let ratios = Spread::of(ratios).context("no rounds")?;
            let cost = Spread::of(cost.iter().copied()).context("no rounds")?;
            let _ = writeln!(text, "| {count} | {cost:.0} | {ratios} |");
        }
        for server in groups.into_iter().flatten() {
            server.stop()?;
        }
        Ok(text + "\n")
    }

    /// Measures how long a deployment takes, from the upload until all hosts serve it.
    fn deployments(&self) -> Result<String> {
        step::announce(&format!("Deploying to {MANY} hosts…"));
        let hosts = self.start(MANY)?;
        let component = fs::read(&self.hosts.component)?;
        let mut seconds = Vec::new();
        for number in 0..DEPLOYMENTS {
            // One more custom section gives the component another digest.
            let next = [&component[..], &[0, 3, 1, b'x', number]].concat();
            let file = self.hosts.folder.join("next.wasm");
            fs::write(&file, next)?;
            let admin = hosts[usize::from(number) % hosts.len()].admin;
            let mut deploy = Command::new(&self.hosts.binary);
            deploy.arg("deploy").arg(&file);
            deploy.args(["--to", &format!("http://{admin}")]);
            let began = Instant::now();
            step::read(&mut deploy)?;
            seconds.push(began.elapsed().as_secs_f64());
        }
        for server in hosts {
            server.stop()?;
        }
        let seconds = Spread::of(seconds).context("no deployments")?;
        Ok(format!(
            "A deployment to {MANY} hosts, compiled once: {seconds} s of {DEPLOYMENTS}.\n",
        ))
    }

    /// Starts a group over a database of its own. Each host has a cache of its own, as on a machine of
    /// its own.
    fn start(&self, count: u64) -> Result<Vec<Server>> {
        let url = self.cluster.database(count)?;
        let folder = &self.hosts.folder;
        let key = folder.join("code.key");
        fs::write(&key, "the same for all hosts of the benchmark")?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        (0..count)
            .map(|number| {
                let name = format!("{count}-{number}");
                self.hosts.start(&name, |settings| {
                    settings
                        .database(&url)
                        .cache(folder.join(format!("code-{name}")))
                        .flag("--replicas", count.to_string())
                        .flag("--replica-name", &name)
                        .flag("--probation", "0s")
                        .flag("--database-connections", "4")
                        .flag("--code-key-file", key.display().to_string())
                })
            })
            .collect()
    }
}

/// Sends requests to the hosts in turns, from several clients.
fn load(hosts: &[Server]) -> Result<()> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS * hosts.len() as u64)
            .map(|number| scope.spawn(move || load_from(hosts, number)))
            .collect();
        for client in clients {
            client.join().unwrap_or_else(|_| bail!("a client failed"))?;
        }
        Ok(())
    })
}

fn load_from(hosts: &[Server], client: u64) -> Result<()> {
    let connections = hosts.iter().map(|host| Connection::open(host.api));
    let mut connections = connections.collect::<Result<Vec<_>, _>>()?;
    let mut random = Random::new(client);
    for request in 0..REQUESTS {
        // Shifted, because otherwise one of two hosts would get all writes.
        let turn = ((request + request / 4) % connections.len() as u64) as usize;
        let connection = &mut connections[turn];
        let answer = match request % 4 {
            0 => connection.post("/tasks", &draft(&mut random))?,
            _ => connection.get("/tasks?limit=10")?,
        };
        if !matches!(answer.status, 200 | 201) {
            bail!("an answer was {}", answer.status);
        }
    }
    Ok(())
}

fn cpu_seconds(hosts: &[Server]) -> Result<f64> {
    hosts.iter().map(Server::cpu_seconds).sum()
}
