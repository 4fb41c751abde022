//! Runs one attack after the other, each against a host of its own, and measures what the host uses and
//! what its other clients and its operators see.
//!
//! For each attack: start the host; a light load alone, for its quiet time; the attack beside the same
//! load; then the host must serve again.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Host, Settings};
use xtask::step;
use xtask::workspace::Workspace;

use crate::attacks::{Attack, Logic, Run};
use crate::light::{self, Light};
use crate::manifest::Manifest;
use crate::operators;
use crate::pod::{self, Pod};
use crate::target::Target;

/// The longest time of an answer at the operators' port.
const ANSWER: Duration = Duration::from_secs(1);
/// How many times its quiet 99th percentile the light load may take, with `--strict`.
const SLOWER: u32 = 3;
/// How much the 99th percentile of the light load may rise without `--strict`, on two cores that the attackers
/// and other programs share with the host: by this time, and by this many times its quiet value, which says how
/// busy the machine is. A request that has to wait for the end of long ones takes more.
const RISE: Duration = Duration::from_millis(500);
const BUSY: u32 = 10;
/// The light load alone.
const QUIET: Duration = Duration::from_secs(1);
/// How long the host may take to serve again after an attack.
const RECOVERY: Duration = Duration::from_secs(20);
/// The pause between two readings of the memory.
const READING: Duration = Duration::from_millis(10);
/// The memory at which a host is killed, so that a failing attack does not harm the machine.
const TOO_MUCH: u64 = 3 << 30;
/// The operators' token of every host.
const TOKEN: &str = "token-of-the-attacked-host";
/// Tasks in the database of a host that serves tasks, each as large as the API allows or nearly.
const TASKS: usize = 1000;

/// What all attacks have in common.
pub struct Campaign {
    binary: PathBuf,
    components: PathBuf,
    /// The code cache, the seeded database, and the components of attacks.
    folder: PathBuf,
    /// The limits of the hosts.
    pub manifest: Manifest,
    duration: Duration,
    strict: bool,
    /// Whether each host is in a control group.
    pub confined: bool,
}

/// The figures of one attack.
pub struct Row {
    /// The attack's name.
    pub name: &'static str,
    /// The highest memory of the host and its compiler.
    pub peak_bytes: u64,
    /// The 99th percentile of the light load's reads: alone and beside the attack.
    pub reads: [Option<Duration>; 2],
    /// The same of its writes. `None`: it has no writes.
    pub writes: [Option<Duration>; 2],
    /// Requests of the light load that were refused by a documented limit, and all that were sent.
    pub refused: [u64; 2],
    /// Requests of the light load that failed otherwise.
    pub failed: u64,
    /// The slowest answer at the operators' port.
    pub slowest: Duration,
    /// What the attack achieved.
    pub note: String,
    /// The bounds that were broken.
    pub broken: Vec<String>,
}

impl Campaign {
    /// Reads the limits and seeds a database.
    ///
    /// # Errors
    /// If the binary or a component is missing, or a host does not start.
    pub fn prepare(
        workspace: &Workspace,
        binary: PathBuf,
        duration: Duration,
        strict: bool,
        unconfined: bool,
    ) -> Result<Self> {
        let binary = binary
            .canonicalize()
            .with_context(|| format!("no host at {}", binary.display()))?;
        let folder = workspace.target.join("attack");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let confined = !unconfined && pod::can_confine();
        if !confined {
            step::note(&format!(
                "no control group: memory is read from /proc, and a host is killed at {} MiB",
                TOO_MUCH >> 20
            ));
        }
        let campaign = Self {
            binary,
            components: workspace.components(),
            folder,
            manifest: Manifest::read(&workspace.root)?,
            duration,
            strict,
            confined,
        };
        campaign.seed().context("cannot seed the database")?;
        Ok(campaign)
    }

    /// Runs an attack. If it broke a bound of time only, it runs once more, because another program may
    /// have kept this machine busy.
    pub fn run(&self, attack: &Attack) -> Row {
        let row = self.once(attack);
        if row.broken.is_empty() || row.broken.iter().any(|bound| !is_of_time(bound)) {
            return row;
        }
        step::note(&format!(
            "{}: once more ({})",
            attack.name,
            row.broken.join("; ")
        ));
        self.once(attack)
    }

    fn once(&self, attack: &Attack) -> Row {
        let mut row = Row {
            name: attack.name,
            peak_bytes: 0,
            reads: Default::default(),
            writes: Default::default(),
            refused: Default::default(),
            failed: 0,
            slowest: Duration::ZERO,
            note: String::new(),
            broken: Vec::new(),
        };
        let outcome = match attack.run {
            Run::Beside(run) => self.beside(attack, run, &mut row),
            Run::Alone(run) => run(self).map(|note| row.note = note),
        };
        if let Err(error) = outcome {
            row.broken.push(format!("{error:#}"));
        }
        row
    }

    fn beside(
        &self,
        attack: &Attack,
        run: fn(&Target) -> Result<String>,
        row: &mut Row,
    ) -> Result<()> {
        let pod = Pod::make(
            &self.binary,
            self.confined.then_some(self.manifest.memory_bytes),
        )?;
        let settings = self.settings(pod.binary(), attack.logic, attack.name)?;
        let settings = (attack.settings)(settings);
        let host = Host::start(&settings)?;
        let process = host.id();
        let mut light = Light::new(attack.logic, host.address);
        light.prepare()?;
        let mut target = Target {
            api: host.address,
            admin: host.admin_address,
            token: TOKEN,
            until: Instant::now(),
        };
        let mut host = Some(host);

        let quiet = during(|stop| light.run(stop), || thread::sleep(QUIET));
        target.until = Instant::now() + self.duration * attack.times;
        let target = &target;
        let ended = &AtomicBool::new(false);
        let (outcome, loaded, asked, served) = thread::scope(|scope| {
            let watch = scope.spawn(|| watch(process, ended, || drop(host.take())));
            let asking = scope.spawn(|| operators::ask(target, ended));
            let mut outcome = None;
            let loaded = during(|stop| light.run(stop), || outcome = Some(run(target)));
            let served = testkit::until(RECOVERY, || match TcpStream::connect(target.api) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => Some(false),
                _ => light.succeeds().then_some(true),
            });
            ended.store(true, Ordering::Relaxed);
            row.peak_bytes = watch.join().expect("the watcher does not panic");
            let asked = asking.join().expect("the operators do not panic");
            (outcome, loaded, asked, served)
        });
        row.note = match outcome.context("the attack ran")? {
            Ok(note) => note,
            Err(error) => {
                row.broken.push(format!("{error:#}"));
                String::new()
            }
        };
        row.reads = [quiet.reads.p99(), loaded.reads.p99()];
        row.writes = [quiet.writes.p99(), loaded.writes.p99()];
        let sent = loaded.reads.len() + loaded.writes.len();
        row.refused = [loaded.refused, sent as u64];
        row.failed = loaded.failed;
        row.slowest = asked.slowest;
        row.broken.extend(self.judge(attack, row, &loaded, &asked));
        match pod.killed() {
            0 => {}
            some => row
                .broken
                .push(format!("out of memory in the pod: {some} killed")),
        }
        match served {
            Some(true) => {}
            Some(false) => row.broken.push("the host is gone".to_owned()),
            None => row.broken.push(format!(
                "no requests are served {RECOVERY:?} after the attack"
            )),
        }
        // In this order: the host ends before its control group is removed.
        drop(host);
        drop(pod);
        Ok(())
    }

    /// The bounds that the figures break.
    fn judge(
        &self,
        attack: &Attack,
        row: &Row,
        loaded: &light::Seen,
        asked: &operators::Seen,
    ) -> Vec<String> {
        let mut broken = Vec::new();
        let limit = self.manifest.memory_bytes;
        let known = self.confined || !attack.needs_pod;
        if row.peak_bytes > limit && known {
            let (peak, limit) = (row.peak_bytes >> 20, limit >> 20);
            broken.push(format!("memory: {peak} MiB of {limit}"));
        }
        if let Some(failure) = &loaded.failure {
            let failed = loaded.failed;
            broken.push(format!(
                "{failed} requests of others failed, first: {failure}"
            ));
        }
        if let Some(failure) = &asked.failure {
            broken.push(format!(
                "{} of operators failed, first: {failure}",
                asked.failed
            ));
        }
        if asked.slowest > ANSWER {
            broken.push(format!("{TIME}{} took {:?}", asked.path, asked.slowest));
        }
        let mut kinds = vec![("reads", row.reads)];
        if !attack.holds_writer {
            kinds.push(("writes", row.writes));
        }
        for (kind, [quiet, beside]) in kinds {
            let (Some(quiet), Some(beside)) = (quiet, beside) else {
                continue;
            };
            let allowed = match self.strict {
                true => quiet * SLOWER,
                false => RISE + quiet * BUSY,
            };
            if beside > allowed {
                broken.push(format!(
                    "{TIME}p99 of {kind} of others {beside:?} of {allowed:?}"
                ));
            }
        }
        broken
    }

    /// Returns the settings of a host that serves some logic, with the limits of the manifest.
    ///
    /// # Errors
    /// If the component cannot be made.
    pub fn settings(&self, binary: PathBuf, logic: Logic, name: &str) -> Result<Settings> {
        let component = match logic {
            Logic::Tasks => self.components.join("tasks.wasm"),
            Logic::Counter => self.components.join("counter.wasm"),
            Logic::Crafted(build) => {
                let file = self.folder.join(name).with_extension("wasm");
                fs::write(&file, build()?)?;
                file
            }
        };
        ensure!(
            component.is_file(),
            "no component at {}",
            component.display()
        );
        let mut settings = Settings::new(binary)?
            .component(component)
            .cache(self.folder.join("code-cache"))
            .variable("TASK_HOST_ADMIN_TOKEN", TOKEN);
        for (name, value) in &self.manifest.variables {
            settings = settings.variable(name, value);
        }
        let seeded = self.folder.join("seeded.sqlite");
        if let Logic::Tasks = logic
            && seeded.is_file()
        {
            fs::copy(seeded, settings.directory().join("data.sqlite"))?;
        }
        Ok(settings)
    }

    /// Returns the host under attack.
    pub fn binary(&self) -> PathBuf {
        self.binary.clone()
    }

    /// Returns how long an attack lasts.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Makes the database of tasks.
    fn seed(&self) -> Result<()> {
        let settings = self.settings(self.binary(), Logic::Tasks, "seed")?;
        let host = Host::start(&settings)?;
        for first in (0..TASKS).step_by(100) {
            let tasks: Value = (first..first + 100).map(task).collect();
            let answer = host.post("/tasks/bulk", &tasks);
            ensure!(answer.status == 200, "{answer}");
        }
        host.stop()?;
        // After a clean end the whole database is in this file.
        let file = settings.directory().join("data.sqlite");
        fs::copy(file, self.folder.join("seeded.sqlite"))?;
        Ok(())
    }
}

/// Begins the text of a bound that a busy machine may break.
pub const TIME: &str = "time: ";

fn is_of_time(bound: &str) -> bool {
    bound.starts_with(TIME)
}

fn task(number: usize) -> Value {
    json!({
        "title": format!("Task {number} of a large list"),
        "description": "word ".repeat(390),
        "category": (["development", "testing", "feature"][number % 3]),
        "priority": (["low", "medium", "high"][number % 3]),
        "assignee": format!("person-{}", number % 50),
        "tags": (0..5).map(|tag| format!("tag-{}", (number + tag) % 40)).collect::<Vec<_>>(),
    })
}

/// Runs `beside` on another thread while `main` runs. Its flag is set when `main` has ended.
fn during<T: Send>(beside: impl FnOnce(&AtomicBool) -> T + Send, main: impl FnOnce()) -> T {
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let beside = scope.spawn(|| beside(stop));
        main();
        stop.store(true, Ordering::Relaxed);
        beside.join().expect("the load does not panic")
    })
}

/// Reads the memory of a process until `stop` is set, and returns the highest. Calls `kill` if it is too
/// much for this machine.
fn watch(process: u32, stop: &AtomicBool, mut kill: impl FnMut()) -> u64 {
    let mut highest = 0;
    while !stop.load(Ordering::Relaxed) {
        highest = highest.max(pod::memory_bytes(process));
        if highest > TOO_MUCH {
            kill();
            break;
        }
        thread::park_timeout(READING);
    }
    highest
}
