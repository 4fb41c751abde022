//! `task-host test`: runs a component on an in-memory database and checks HTTP examples against it.
//!
//! Each file of examples gets a host and a database of its own: the migrations are applied, the self-test
//! runs, then the requests in order. The files run in alphabetical order. The host is this program, so the
//! component runs as in production, with the limits' default values. Only the compiler's can be set: a slow
//! machine may need more time for a large component.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::hurl::{self, Outcome, Player};
use super::local_host::{Launch, LocalHost};
use super::output::format;
use super::process::block_on;
use super::project::{Project, Purpose};
use crate::config::compiling;
use crate::failure::Failure;
use crate::stdout::Stdout;

/// The folder of a project's examples.
const REQUESTS: &str = "requests";
/// The number of lines of the host's log that are shown after a failure.
const LOG_LINES: usize = 30;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  task-host test target/wasm32-unknown-unknown/release/notes.wasm --requests requests

An example is a .hurl file (https://hurl.dev):
  POST {{host}}/notes
  { \"text\": \"Buy milk\" }
  HTTP 201
  [Captures]
  id: jsonpath \"$.id\"

  GET {{host}}/notes/{{id}}
  HTTP 200
  [Asserts]
  jsonpath \"$.text\" == \"Buy milk\"")]
pub(super) struct Args {
    /// The component. Without it, the project of task-host.toml is built and tested
    #[arg(value_name = "FILE")]
    component: Option<PathBuf>,

    /// The folder with the examples, or one .hurl file. By default the folder `requests` of the project
    /// or the current folder, if it exists
    #[arg(long, value_name = "DIR")]
    requests: Option<PathBuf>,

    /// A variable for the examples, such as `name=value`. Can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,

    #[command(flatten)]
    compiling: compiling::Args,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, _)) if name.trim().is_empty() || name == "host" => {
            Err("this name is not free".to_owned())
        }
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write NAME=VALUE".to_owned()),
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (component, root) = match &args.component {
        Some(component) => (component.clone(), PathBuf::new()),
        None => {
            let project = Project::require(Path::new("."))?;
            (block_on(project.build(Purpose::Release))?, project.root)
        }
    };
    if let Err(error) = fs::File::open(&component) {
        let reason = format!("cannot read {}: {error}", component.display());
        return Err(Failure::setting("FILE", reason));
    }
    let files = examples(args.requests.as_deref(), &root)
        .map_err(|error| Failure::setting("--requests", format!("{error:#}")))?;
    let ended = block_on(async {
        let (mut interrupt, mut terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        let mut run = Run::new(&component, args)?;
        tokio::select! {
            result = run.all(&files) => result.map(Ok),
            _ = interrupt.recv() => Ok(Err(2)),
            _ = terminate.recv() => Ok(Err(15)),
        }
    })?;
    match ended {
        Ok(()) => Ok(()),
        Err(signal) => Err(Failure::Interrupted {
            signal,
            reason: anyhow::anyhow!("interrupted; not every example was played"),
        }),
    }
}

/// Returns the files with examples, in the order in which they run.
fn examples(given: Option<&Path>, root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = match given {
        Some(given) => given.to_owned(),
        None => {
            let folder = root.join(REQUESTS);
            if !folder.is_dir() {
                return Ok(Vec::new());
            }
            folder
        }
    };
    if folder.is_file() {
        return Ok(vec![folder]);
    }
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    files.sort();
    if files.is_empty() && given.is_some() {
        anyhow::bail!("{} has no .hurl files", folder.display());
    }
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let path = entry.path();
        if entry.file_type().with_context(cannot)?.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "hurl")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// A run of all examples.
struct Run<'a> {
    component: &'a Path,
    variables: &'a [(String, String)],
    /// The flags of each host.
    flags: Vec<OsString>,
    /// Compiled code: the component is compiled once.
    cache: TempDir,
    out: Stdout<std::io::Stdout>,
    requests: usize,
    failed: usize,
    /// Lines of the running host's log that were not shown yet.
    log: Arc<Mutex<Vec<String>>>,
}

impl<'a> Run<'a> {
    fn new(component: &'a Path, args: &'a Args) -> anyhow::Result<Self> {
        let own = ["--debug", "--log", "warn,task_host::app=info,logic=debug"];
        let mut flags = args.compiling.flags();
        flags.extend(own.map(OsString::from));
        Ok(Run {
            component,
            variables: &args.variable,
            flags,
            cache: tempfile::tempdir().context("cannot make a temporary folder")?,
            out: Stdout::new(std::io::stdout()),
            requests: 0,
            failed: 0,
            log: Arc::default(),
        })
    }

    async fn all(&mut self, files: &[PathBuf]) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut host = Some(self.start().await?);
        self.out.line(&format!(
            "{}: migrations and self-test passed ({})",
            shown(self.component).display(),
            duration(began.elapsed())
        ));
        self.out.flush();
        if files.is_empty() {
            self.out.line(&format!(
                "no requests: write .hurl files in the folder {REQUESTS}, or name it with --requests"
            ));
        }
        for file in files {
            let host = match host.take() {
                Some(unused) => unused,
                None => self.start().await?,
            };
            self.file(file, &host).await?;
            self.out.flush();
            host.stop().await?;
        }
        if let Some(unused) = host {
            unused.stop().await?;
        }
        let (count, failed) = (self.requests, self.failed);
        let summary = format!(
            "{} and {} in {}: {}",
            counted(files.len(), "file"),
            counted(count, "request"),
            duration(began.elapsed()),
            match failed {
                0 => "all passed".to_owned(),
                _ => format!("{failed} failed"),
            }
        );
        if failed > 0 {
            self.out.flush();
            anyhow::bail!(summary);
        }
        if !files.is_empty() {
            self.out.line(&summary);
        }
        self.out.flush();
        Ok(())
    }

    /// Starts a host on an empty database in memory.
    async fn start(&self) -> anyhow::Result<LocalHost> {
        self.log.lock().clear();
        let any = ([127, 0, 0, 1], 0).into();
        let launch = Launch {
            component: self.component,
            database: "sqlite::memory:",
            cache: self.cache.path(),
            addresses: [any, any],
            flags: &self.flags.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
            inherits_settings: false,
        };
        let log = self.log.clone();
        let started = launch.start(move |line| log.lock().push(line.to_owned()));
        started.await.map_err(|error| {
            let log = self.log.lock();
            let reasons: Vec<_> = log.iter().filter(|line| is_of_interest(line)).collect();
            match reasons.is_empty() {
                true => error,
                false => {
                    let lines: Vec<_> = reasons
                        .iter()
                        .map(|line| line.strip_prefix("task-host: ").unwrap_or(line))
                        .collect();
                    anyhow::anyhow!("{}", lines.join("\n"))
                }
            }
        })
    }

    /// Plays a file. Its first failure ends it, because requests build on each other.
    async fn file(&mut self, path: &Path, host: &LocalHost) -> anyhow::Result<()> {
        self.out.line(&shown(path).display().to_string());
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let file = match hurl::parse(&text) {
            Ok(file) => file,
            Err(error) => {
                self.failed += 1;
                self.out.line(&format!("  ✗ {error}"));
                return Ok(());
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut player = Player::new(&format!("http://{}", host.api), folder, self.variables)?;
        for (at, entry) in file.entries.iter().enumerate() {
            self.requests += 1;
            self.log.lock().clear();
            let outcome = player.play(entry).await;
            let request = &entry.request;
            let mark = if outcome.is_success() { '✓' } else { '✗' };
            let answered = match outcome.answered {
                Some((status, took)) => format!("{status}, {}", duration(took)),
                None => "no answer".to_owned(),
            };
            self.out.line(&format!(
                "  {mark} line {:<4} {} {} ({answered})",
                request.line, request.method, outcome.target
            ));
            if !outcome.is_success() {
                self.failed += 1;
                self.explain(&outcome);
                match file.entries.len() - at - 1 {
                    0 => {}
                    left => self.out.line(&format!(
                        "      {} after it not played",
                        match left {
                            1 => "1 request was".to_owned(),
                            left => format!("{left} requests were"),
                        }
                    )),
                }
                break;
            }
        }
        Ok(())
    }

    fn explain(&mut self, outcome: &Outcome) {
        for failed in &outcome.failed {
            let line = format!("      line {}: {}", failed.line, failed.condition);
            self.out.line(&line);
            self.out
                .line(&format!("        expected: {}", failed.expected));
            self.out
                .line(&format!("        actual:   {}", failed.actual));
        }
        if let Some(error) = &outcome.error {
            self.out.line(&format!("      {error}"));
        }
        if let Some(body) = outcome.body.as_ref().filter(|body| !body.is_empty()) {
            self.out.line(&format!("      answer: {body}"));
        }
        let log = std::mem::take(&mut *self.log.lock());
        let shown = log.iter().filter(|line| is_of_interest(line));
        for line in shown.take(LOG_LINES) {
            self.out.line(&format!("      log: {line}"));
        }
    }
}

/// Returns whether a line of the log says why something failed.
fn is_of_interest(line: &str) -> bool {
    !line.contains(" INFO ") || line.contains("logic")
}

/// Returns a path as it is named from the current folder.
fn shown(path: &Path) -> &Path {
    let folder = std::env::current_dir().ok();
    folder
        .and_then(|folder| path.strip_prefix(folder).ok())
        .unwrap_or(path)
}

fn duration(took: Duration) -> String {
    format::duration(took.as_secs_f64() * 1e3)
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
