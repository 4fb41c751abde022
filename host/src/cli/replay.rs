//! `task-host replay`: runs a recorded request again, in this process and without its database.
//!
//! The recording comes from a host or from a file, the component from the host that answered, from a
//! file, or from the project in the current folder. Exit status: 0 if the answer is the recorded one, 1
//! if it differs, 2 if the request could not be replayed.

mod bench;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use self::bench::Bench;
use self::report::Report;
use super::client::{self, Client};
use super::inspect::read_source;
use super::process::block_on;
use super::project::{Project, Purpose};
use super::sources::Sources;
use crate::config::{compiling, open_cache};
use crate::failure::Failure;
use crate::oci;
use crate::stdout::{print, print_json};
use contract::digest;
use request::recording::Recording;

/// How often the file of a component is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 if the answer is the recorded one, 1 if it differs, 2 if a request could not be replayed.

Examples:
  task-host replay 0b54c8e2 --to http://127.0.0.1:9000
  task-host replay 0b54c8e2 --save tests/recordings/empty-title.json
  task-host replay --file tests/recordings/empty-title.json --watch
  task-host replay --dir tests/recordings --component logic.wasm")]
pub(super) struct Args {
    /// The id of the request, from its answer, the log or `task-host status`
    #[arg(value_name = "REQUEST_ID", required_unless_present_any = ["file", "dir"])]
    request_id: Option<String>,

    /// Replay the recording in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request_id", "dir"])]
    file: Option<PathBuf>,

    /// Replay every recording (*.json) in this folder, with one line for each
    #[arg(long, value_name = "DIR", conflicts_with = "request_id")]
    dir: Option<PathBuf>,

    /// The component: a file, or a reference such as oci://ghcr.io/acme/tasks:1.2. By default the one that
    /// answered, which the host has
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,

    /// Run again whenever the component's file changes, or without --component whenever a source of the
    /// project in the current folder is saved
    #[arg(long, conflicts_with = "dir")]
    watch: bool,

    /// Write the recording to this file, to keep it as a regression test
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    save: Option<PathBuf>,

    /// Write the answer of now into the files of --file, --dir or --save as the one that is expected
    #[arg(long)]
    accept: bool,

    /// Keep compiled code in this directory, so that the next replay of the same component begins at once.
    /// The key that authenticates the code is in DIR.key
    #[arg(long, env = "TASK_HOST_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Print a JSON object, or an array of them with --dir
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,

    #[command(flatten)]
    compiling: compiling::Args,

    #[command(flatten)]
    registry: oci::Args,
}

/// A recording and its file.
struct Source {
    recording: Recording,
    file: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.accept && args.file.is_none() && args.dir.is_none() && args.save.is_none() {
        let reason = "give --save FILE as well: the host's recording cannot be changed";
        return Err(Failure::setting("--accept", reason));
    }
    let sources = args.sources()?;
    if let (Some(file), [source]) = (&args.save, &*sources) {
        write(file, &source.recording)?;
    }
    let cache = args.cache_dir.as_deref().map(open_cache).transpose()?;
    let mut bench = Bench::new(args.compiling.compiler(0)?, cache);
    if args.watch {
        return args.watch(&sources[0], &mut bench);
    }
    let mut reports = Vec::new();
    for source in &sources {
        let component = args.component(&source.recording)?;
        let report = block_on(bench.replay(&source.recording, &component));
        let report = report.map_err(|error| not_replayed(source, &error))?;
        if args.accept {
            accept(source, args.save.as_deref(), &report)?;
        }
        reports.push(report);
    }
    args.print(&sources, &reports)?;
    let different = reports.iter().filter(|report| !report.is_same()).count();
    match (different, reports.len()) {
        (0, _) => Ok(()),
        _ if args.accept => Ok(()),
        (_, 1) => Err(Failure::Other(anyhow!(
            "the answer is not the recorded one"
        ))),
        (different, all) => Err(Failure::Other(anyhow!(
            "{different} of {all} answers are not the recorded ones"
        ))),
    }
}

impl Args {
    /// Reads the recordings.
    fn sources(&self) -> Result<Vec<Source>, Failure> {
        if let Some(file) = &self.file {
            return Ok(vec![read(file, "--file")?]);
        }
        if let Some(dir) = &self.dir {
            let failed = |error: std::io::Error| {
                Failure::setting("--dir", format!("cannot read {}: {error}", dir.display()))
            };
            let mut files = Vec::new();
            for entry in std::fs::read_dir(dir).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                if path
                    .extension()
                    .is_some_and(|extension| extension == "json")
                {
                    files.push(path);
                }
            }
            files.sort();
            if files.is_empty() {
                let reason = format!("{} has no recordings (*.json)", dir.display());
                return Err(Failure::setting("--dir", reason));
            }
            return files.iter().map(|file| read(file, "--dir")).collect();
        }
        let id = self.request_id.as_deref().unwrap_or_default();
        let client = Client::new(&self.host)?;
        let fetched =
            block_on(async { Ok(client.recording(id).await?) }).map_err(Failure::Setting)?;
        Ok(vec![Source {
            recording: Recording::parse(&fetched).map_err(|reason| Failure::setting(id, reason))?,
            file: None,
        }])
    }

    /// Returns the component to run.
    fn component(&self, recording: &Recording) -> Result<Vec<u8>, Failure> {
        if let Some(source) = &self.component {
            return read_source(source, "--component", &self.registry);
        }
        let digest = &recording.component.digest;
        let client = Client::new(&self.host)?;
        let fetched = block_on(async {
            let content = client.component_content(digest).await.with_context(|| {
                format!(
                    "cannot fetch the component {digest}, which answered; name one with --component"
                )
            })?;
            match digest::sha256(&content) == *digest {
                true => Ok(content),
                false => Err(anyhow!("{} sent another component", client.base())),
            }
        });
        fetched.map_err(Failure::Setting)
    }

    fn print(&self, sources: &[Source], reports: &[Report]) -> anyhow::Result<()> {
        if self.json {
            let reports: Vec<Value> = reports.iter().map(Report::to_json).collect();
            return match (&self.dir, &*reports) {
                (None, [report]) => print_json(report),
                _ => print_json(&reports),
            };
        }
        match &self.dir {
            None => print(reports.iter().flat_map(Report::to_lines)),
            Some(_) => print(sources.iter().zip(reports).map(|(source, report)| {
                let file = source.file.as_deref().unwrap_or(Path::new("")).display();
                format!("{file}: {}", report.to_line())
            })),
        }
    }

    /// Replays a recording, and again after each change, until a signal.
    fn watch(&self, source: &Source, bench: &mut Bench) -> Result<(), Failure> {
        let ended = block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                ended = self.replay_changes(source, bench) => ended.map(|()| 0),
                _ = interrupt.recv() => Ok(2),
                _ = terminate.recv() => Ok(15),
            }
        });
        match ended.map_err(Failure::Setting)? {
            0 => Ok(()),
            signal => Err(Failure::Interrupted {
                signal,
                reason: anyhow!("stopped watching"),
            }),
        }
    }

    async fn replay_changes(&self, source: &Source, bench: &mut Bench) -> anyhow::Result<()> {
        let mut watched = match &self.component {
            Some(file) => Watched::File { file, seen: None },
            None => {
                let project = Project::require(Path::new(".")).map_err(|_| {
                    anyhow!(
                        "--watch: give --component FILE, or call this in the folder of a task-host.toml"
                    )
                })?;
                let sources = Sources::watch(&project)?;
                Watched::Project(Box::new((project, sources)))
            }
        };
        loop {
            let replayed = async {
                let content = watched.component().await?;
                bench.replay(&source.recording, &content).await
            };
            match replayed.await {
                Ok(report) if self.json => print_json(&report.to_json())?,
                Ok(report) => print(report.to_lines())?,
                Err(error) => print([format!("{error:#}")])?,
            }
            watched.changed().await?;
            if !self.json {
                print([""])?;
            }
        }
    }
}

/// What is replayed again after each change.
enum Watched<'a> {
    /// A component's file, and the digest of what was last read from it.
    File {
        file: &'a Path,
        seen: Option<String>,
    },
    /// A project, which is built.
    Project(Box<(Project, Sources)>),
}

impl Watched<'_> {
    async fn component(&mut self) -> anyhow::Result<Vec<u8>> {
        let file = match self {
            Watched::File { file, .. } => file.to_path_buf(),
            Watched::Project(project) => project.0.build(Purpose::Development).await?,
        };
        let content = std::fs::read(&file);
        if let Watched::File { seen, .. } = self {
            *seen = content.as_ref().ok().map(|content| digest::sha256(content));
        }
        content.with_context(|| format!("cannot read {}", file.display()))
    }

    async fn changed(&mut self) -> anyhow::Result<()> {
        match self {
            Watched::File { file, seen } => changed(file, seen.as_deref()).await,
            Watched::Project(project) => drop(project.1.changed().await?),
        }
        Ok(())
    }
}

/// Waits until a file has another content than was seen, and is there. Builds remove it for a moment. A
/// change since it was seen counts, too.
async fn changed(file: &Path, seen: Option<&str>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let content = std::fs::read(file).ok();
        let now = content.map(|content| digest::sha256(&content));
        if now.is_some() && now.as_deref() != seen {
            return;
        }
    }
}

fn read(file: &Path, flag: &str) -> Result<Source, Failure> {
    let failed = |reason: String| Failure::setting(flag, format!("{}: {reason}", file.display()));
    let json = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    Ok(Source {
        recording: Recording::parse(&json).map_err(failed)?,
        file: Some(file.to_owned()),
    })
}

fn write(file: &Path, recording: &Recording) -> Result<(), Failure> {
    let written = || -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(recording)?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(file, json + "\n")?)
    };
    written().map_err(|error| Failure::setting("--save", format!("{}: {error}", file.display())))
}

/// Makes the answer of now the expected one.
fn accept(source: &Source, saved: Option<&Path>, report: &Report) -> Result<(), Failure> {
    let Some(outcome) = report.outcome() else {
        let reason = "there is no answer: the logic asked a statement that was not recorded";
        return Err(Failure::setting("--accept", reason));
    };
    let recording = Recording {
        outcome: outcome.clone(),
        ..source.recording.clone()
    };
    match source.file.as_deref().or(saved) {
        Some(file) => write(file, &recording),
        None => Ok(()),
    }
}

fn not_replayed(source: &Source, error: &anyhow::Error) -> Failure {
    let name = match &source.file {
        Some(file) => file.display().to_string(),
        None => source.recording.request_id.clone(),
    };
    Failure::Setting(anyhow!("{name}: {error:#}"))
}
