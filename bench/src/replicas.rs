//! `cargo xtask bench --replicas`: what a request costs on one, two and three hosts over one
//! PostgreSQL database, and how long a deployment to ten takes.
//!
//! Two cores show no more throughput with more hosts, so it is the hosts' CPU time for each request
//! that is compared: were it to grow with the number of hosts, they would not scale. The groups
//! take turns, each on a database of its own.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use testkit::Settings;
use testkit::client::Connection;
use xtask::component;
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;
use crate::binaries;
use crate::copy::draft;
use crate::postgres::Cluster;
use crate::random::Random;
use crate::server::{Server, free_addresses};

/// Hosts of a group.
const GROUPS: [u64; 3] = [1, 2, 3];
/// Rounds that are measured, after one that is not.
const ROUNDS: usize = 5;
/// Clients for each host of a group, as a group is made larger for more of them, and requests of each
/// client in a round: one of four is a write.
const CLIENTS: u64 = 6;
const REQUESTS: u64 = 1000;
/// Hosts that are deployed to.
const MANY: u64 = 10;
/// Deployments to them.
const DEPLOYMENTS: u8 = 5;

/// Measures, and writes `replicas.md` to `target/bench`.
///
/// # Errors
/// Where PostgreSQL is missing, a host does not answer, or a deployment is refused.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let component = component::build(workspace, component::TASKS)?;
    let binaries = binaries::folder(workspace, arguments, &["task-host"])?;
    let folder = workspace.target.join("bench/replicas");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let bench = Bench {
        host: binaries.join("task-host"),
        component,
        cluster: Cluster::start()?,
        folder,
    };
    let mut markdown = bench.cost()?;
    markdown += &bench.deployments()?;
    fs::write(bench.folder.with_file_name("replicas.md"), &markdown)?;
    print!("{markdown}");
    Ok(())
}

struct Bench {
    host: PathBuf,
    component: PathBuf,
    cluster: Cluster,
    folder: PathBuf,
}

impl Bench {
    /// CPU time for a request, by the number of hosts.
    fn cost(&self) -> Result<String> {
        let groups = GROUPS.map(|count| self.group(count, count));
        let groups = groups.into_iter().collect::<Result<Vec<_>>>()?;
        let mut costs = vec![Vec::new(); groups.len()];
        for round in 0..=ROUNDS {
            for (hosts, costs) in groups.iter().zip(&mut costs) {
                let before = cpu(hosts)?;
                ask(hosts)?;
                let requests = CLIENTS * hosts.len() as u64 * REQUESTS;
                let micros = (cpu(hosts)? - before) * 1e6 / requests as f64;
                costs.extend((round > 0).then_some(micros));
            }
        }
        let mut text =
            "| hosts | CPU us a request | of one host |\n| --- | --- | --- |\n".to_owned();
        for (number, count) in GROUPS.iter().enumerate() {
            let ratios = costs[number]
                .iter()
                .zip(&costs[0])
                .map(|(some, one)| some / one);
            let _ = writeln!(
                text,
                "| {count} | {} | {} |",
                spread(costs[number].clone(), 0),
                spread(ratios.collect(), 2)
            );
        }
        for server in groups.into_iter().flatten() {
            server.stop()?;
        }
        Ok(text + "\n")
    }

    /// How long a deployment takes, from the upload to where all serve it.
    fn deployments(&self) -> Result<String> {
        step::announce(&format!("Deploying to {MANY} hosts…"));
        let hosts = self.group(MANY, MANY)?;
        let component = fs::read(&self.component)?;
        let mut seconds = Vec::new();
        for number in 0..DEPLOYMENTS {
            // Another digest, by a custom section more.
            let next = [&component[..], &[0, 3, 1, b'x', number]].concat();
            let file = self.folder.join("next.wasm");
            fs::write(&file, next)?;
            let admin = hosts[usize::from(number) % hosts.len()].admin;
            let mut deploy = Command::new(&self.host);
            deploy.arg("deploy").arg(&file);
            deploy.args(["--to", &format!("http://{admin}")]);
            let began = Instant::now();
            step::read(&mut deploy)?;
            seconds.push(began.elapsed().as_secs_f64());
        }
        for server in hosts {
            server.stop()?;
        }
        Ok(format!(
            "A deployment to {MANY} hosts, compiled once: {} s of {DEPLOYMENTS}.\n",
            spread(seconds, 2)
        ))
    }

    /// So many hosts over a database of their own, each with a disk of its own.
    fn group(&self, count: u64, database: u64) -> Result<Vec<Server>> {
        let url = self.cluster.database(database)?;
        let key = self.folder.join("code.key");
        fs::write(&key, "the same for all hosts of the benchmark")?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        (0..count)
            .map(|number| {
                let (api, admin) = free_addresses()?;
                let name = format!("{database}-{number}");
                let log = File::create(self.folder.join(format!("{name}.log")))?;
                let settings = Settings::new(&self.host)?
                    .addresses(api, admin)
                    .database(&url)
                    .component(&self.component)
                    .cache(self.folder.join(format!("code-{name}")))
                    .flag("--replicas", count.to_string())
                    .flag("--replica-name", &name)
                    .flag("--probation", "0s")
                    .flag("--database-connections", "4")
                    .flag("--code-key-file", key.display().to_string());
                let mut command = settings.command();
                Server::start(command.stdout(Stdio::null()).stderr(log), api, admin)
                    .with_context(|| format!("see {name}.log in {}", self.folder.display()))
            })
            .collect()
    }
}

/// Asks the hosts in turns, from several clients.
fn ask(hosts: &[Server]) -> Result<()> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS * hosts.len() as u64)
            .map(|number| scope.spawn(move || ask_from(hosts, number)))
            .collect();
        for client in clients {
            client.join().unwrap_or_else(|_| bail!("a client failed"))?;
        }
        Ok(())
    })
}

fn ask_from(hosts: &[Server], number: u64) -> Result<()> {
    let clients = hosts.iter().map(|host| Connection::open(host.api));
    let mut clients = clients.collect::<Result<Vec<_>, _>>()?;
    let mut random = Random::new(number);
    for request in 0..REQUESTS {
        // Shifted, or one of two hosts would get all writes.
        let turn = ((request + request / 4) % clients.len() as u64) as usize;
        let client = &mut clients[turn];
        let answer = match request % 4 {
            0 => client.send("POST", "/tasks", &draft(&mut random))?,
            _ => client.send("GET", "/tasks?limit=10", "")?,
        };
        if !matches!(answer.status, 200 | 201) {
            bail!("an answer was {}", answer.status);
        }
    }
    Ok(())
}

fn cpu(hosts: &[Server]) -> Result<f64> {
    hosts.iter().map(Server::cpu_seconds).sum()
}

/// The median, and the smallest and largest.
fn spread(mut figures: Vec<f64>, digits: usize) -> String {
    figures.sort_by(f64::total_cmp);
    match figures[..] {
        [] => "-".to_owned(),
        [first, ..] => {
            let (median, last) = (figures[figures.len() / 2], figures[figures.len() - 1]);
            format!("{median:.digits$} ({first:.digits$}..{last:.digits$})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_median_and_both_ends() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0], 1), "2.0 (1.0..3.0)");
        assert_eq!(spread(Vec::new(), 1), "-");
    }
}
