//! `task-host dev`: builds a project, serves it, and puts every saved change into service.
//!
//! The host is a child process with a database of its own, which is thrown away at the end. If a build or
//! a deployment fails, the logic before it stays in service. If a migration changed that the database
//! has already, a host on a new database takes over.

mod tables;

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use humantime::parse_duration;
use reqwest::Url;
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::tables::TablesPage;
use super::client::{self, Client, Credentials, RetryPolicy, Update, Upload};
use super::hurl::{self, Player};
use super::local_host::{Launch, LocalHost};
use super::output::format;
use super::process::block_on;
use super::project::{Project, Purpose, Seed};
use super::sources::Sources;
use crate::config::log_filter;
use crate::failure::Failure;
use crate::stdout::Stdout;
use crate::tls;
use contract::deployment::{EventStatus, Outcome, Reason, Stage};
use contract::digest;
use deployment::model::{Deployment, Order};
use storage::Location;

/// The project's folder for what `dev` keeps. Version control ignores it.
const FOLDER: &str = ".task-host";
/// Limit for the question whether the component has a page.
const PAGE_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  task-host new notes --lang rust && cd notes && task-host dev

task-host.toml says how the project is built:
  [build]
  command = \"cargo build --release\"
  output = \"target/wasm32-unknown-unknown/release/notes.wasm\"
  watch = [\"Cargo.toml\", \"migrations\", \"src\", \"wit\"]   # by default everything that is not hidden

  [dev]
  seed = \"seed.sql\"   # fills a new database: .sql with statements, or .hurl with requests")]
pub(super) struct Args {
    /// API address
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,

    /// Address of the admin port
    #[arg(long, default_value = "127.0.0.1:9000")]
    admin_addr: SocketAddr,

    /// Keep the database, in the project's folder .task-host. By default each start and each changed
    /// migration begin with a new database
    #[arg(long, conflicts_with = "database")]
    keep: bool,

    /// Keep the data in this database: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(long, value_name = "URL")]
    database: Option<DatabaseUrl>,

    /// Deploy to a host that runs already, by its admin port such as http://127.0.0.1:9000
    #[arg(long, value_name = "URL", value_parser = client::base,
        conflicts_with_all = ["keep", "database", "addr", "admin_addr"])]
    to: Option<Url>,

    /// What the local host logs, as for `serve`. By default the stages of deployments and the orders of
    /// this command are left out
    #[arg(long, env = "TASK_HOST_LOG", value_parser = log_filter,
        default_value = "info,task_host_deployment=warn,audit=warn", conflicts_with = "to")]
    log: String,

    /// How long the compilation of the component may take
    #[arg(long, env = "TASK_HOST_COMPILE_TIMEOUT", default_value = "10m", value_parser = parse_duration,
        conflicts_with = "to")]
    compile_timeout: Duration,

    /// Open the service's page, or the API's documentation, in a browser
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    credentials: Credentials,
}

/// The location of a database, as it was written. `Debug` does not show it: it may have a password.
#[derive(Clone)]
struct DatabaseUrl(String);

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text
            .parse::<Location>()
            .map_err(|error| error.to_string())?
        {
            Location::Temporary => Err(
                "without this flag the data is thrown away; name a file, such as sqlite:dev.sqlite"
                    .to_owned(),
            ),
            Location::Sqlite(_) | Location::Postgres(_) => Ok(DatabaseUrl(text.to_owned())),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let project = Project::require(Path::new("."))?;
    // Checked here, so that a wrong token file ends the command with its flag.
    Client::new(&client::Args::new(
        at(args.admin_addr),
        args.credentials.clone(),
    ))?;
    let ended = block_on(async {
        let mut signals = Signals::listen()?;
        let mut session = Session::begin(args, &project)?;
        let result = tokio::select! {
            result = session.run() => result.map(|never| match never {}),
            () = signals.received() => Ok(()),
        };
        let stopped = session.end().await;
        result.and(stopped)
    });
    Ok(ended?)
}

/// The signals that end the command.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Signals([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn received(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Where the data of the host is.
enum Data {
    /// In files of this folder, each with the number of a host.
    ThrownAway(TempDir, u32),
    /// In a database that outlives the command.
    Kept(String),
    /// With a host that runs already.
    Elsewhere,
}

/// One run of the command.
struct Session<'a> {
    args: &'a Args,
    project: &'a Project,
    sources: Sources,
    data: Data,
    host: Option<LocalHost>,
    /// The component in service.
    live: Option<Bytes>,
    /// The content of the seed that the database was filled with.
    seeded: Option<Vec<u8>>,
    /// The page with the content of the database. `None`: the host is elsewhere.
    tables: Option<TablesPage>,
    /// Where the host listens, once one has started.
    addresses: Option<[SocketAddr; 2]>,
    out: Stdout<std::io::Stdout>,
}

impl<'a> Session<'a> {
    fn begin(args: &'a Args, project: &'a Project) -> Result<Self> {
        let folder = project.root.join(FOLDER);
        let data = match (&args.to, &args.database) {
            (Some(_), _) => Data::Elsewhere,
            (None, Some(DatabaseUrl(url))) => Data::Kept(url.clone()),
            (None, None) if args.keep => {
                Data::Kept(format!("sqlite:{}", folder.join("dev.sqlite").display()))
            }
            (None, None) => {
                let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
                Data::ThrownAway(folder, 0)
            }
        };
        if args.to.is_none() {
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(folder.join(".gitignore"), "*\n"))
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
        Ok(Session {
            args,
            project,
            sources: Sources::watch(project)?,
            data,
            host: None,
            live: None,
            seeded: None,
            tables: None,
            addresses: None,
            out: Stdout::new(std::io::stdout()),
        })
    }

    fn say(&mut self, text: &str) {
        self.out.line(text);
        self.out.flush();
    }

    /// Puts each change into service until an error ends it.
    async fn run(&mut self) -> Result<std::convert::Infallible> {
        if self.args.to.is_none() {
            self.tables = Some(TablesPage::serve().await?);
        }
        let mut saved = None;
        loop {
            let began = Instant::now();
            match self.project.build(Purpose::Development).await {
                Ok(file) => {
                    let built = seconds(began.elapsed());
                    self.serve(&file, saved, &built).await?;
                }
                Err(error) => {
                    let rest = match self.live {
                        Some(_) => "; the logic before it stays in service",
                        None => "",
                    };
                    self.say(&format!("not built: {error:#}{rest}"));
                }
            }
            self.say("waiting for a change…");
            let ended = async {
                match &mut self.host {
                    Some(host) => host.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = self.sources.changed() => saved = Some(change?),
                status = ended => bail!("the host has ended ({})", status?),
            }
        }
    }

    /// Puts a built component into service. If that is refused, says so.
    async fn serve(&mut self, file: &Path, saved: Option<SystemTime>, built: &str) -> Result<()> {
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let content = Bytes::from(content);
        let seed = match self.project.seed() {
            Ok(Some(Seed::Sql(path) | Seed::Hurl(path))) => fs::read(path).ok(),
            _ => None,
        };
        let reseeds = matches!(self.data, Data::ThrownAway(..)) && seed != self.seeded;
        if self.host.is_some() && reseeds {
            self.say("the seed changed; starting with a new database");
            self.stop().await?;
        }
        // To compile an interpreter takes a while.
        let next = format!("built in {built}; compiling and checking the component…");
        if self.host.is_none() && !matches!(self.data, Data::Elsewhere) {
            self.say(&next);
            self.seeded = seed;
            if !self.start(file).await? {
                return Ok(());
            }
        } else if self.live.as_ref() == Some(&content) {
            self.say("the component did not change");
            return Ok(());
        } else {
            self.say(&next);
        }
        let client = self.client()?;
        let deployed = match self.is_active(&client, &content).await? {
            true => true,
            false => self.deploy(&client, file, &content).await?,
        };
        if deployed {
            self.live = Some(content);
            self.say(&match saved {
                Some(saved) => format!(
                    "live, {} after the change was saved (build {built})",
                    seconds(saved.elapsed().unwrap_or(Duration::ZERO))
                ),
                None => format!("live (build {built})"),
            });
            self.show_addresses().await;
        }
        Ok(())
    }

    /// Starts the local host and fills a new database. Returns false if the host did not start; its log
    /// has said why.
    async fn start(&mut self, file: &Path) -> Result<bool> {
        let database = match &mut self.data {
            Data::ThrownAway(folder, number) => {
                *number += 1;
                let file = folder.path().join(format!("dev-{number}.sqlite"));
                format!("sqlite:{}", file.display())
            }
            Data::Kept(database) => database.clone(),
            Data::Elsewhere => bail!("the host is not a local one"),
        };
        let seed = self.project.seed().ok().flatten();
        let mut flags = ["--debug", "--probation", "0s", "--log", &self.args.log]
            .map(OsStr::new)
            .to_vec();
        let compile_timeout = humantime::format_duration(self.args.compile_timeout).to_string();
        flags.extend(["--compile-timeout", &compile_timeout].map(OsStr::new));
        if let Some(Seed::Sql(path)) = &seed {
            flags.extend([OsStr::new("--seed"), path.as_os_str()]);
        }
        let cache = self.project.root.join(FOLDER).join("code-cache");
        let launch = Launch {
            component: file,
            database: &database,
            cache: &cache,
            // With port 0 the next host listens where the first one does.
            addresses: self
                .addresses
                .unwrap_or([self.args.addr, self.args.admin_addr]),
            flags: &flags,
            inherits_settings: true,
        };
        let host = match launch.start(print_log).await {
            Ok(host) => host,
            Err(error) => {
                self.say(&format!("not started: {error:#}"));
                // A seed that failed is tried again after any change.
                self.seeded = None;
                return Ok(false);
            }
        };
        let api = host.api;
        self.host = Some(host);
        if let Some(tables) = &self.tables {
            tables.show(database.parse()?);
        }
        if let (Some(Seed::Hurl(path)), Data::ThrownAway(..)) = (&seed, &self.data)
            && let Err(error) = play(path, api).await
        {
            self.say(&format!("the seed failed: {error:#}"));
        }
        Ok(true)
    }

    async fn stop(&mut self) -> Result<()> {
        self.live = None;
        match self.host.take() {
            Some(host) => host.stop().await,
            None => Ok(()),
        }
    }

    fn client(&self) -> Result<Client> {
        let address = match (&self.args.to, &self.host) {
            (Some(url), _) => url.clone(),
            (None, Some(host)) => at(host.admin),
            (None, None) => bail!("no host runs"),
        };
        let args = client::Args::new(address, self.args.credentials.clone());
        Client::new(&args).map_err(|_| anyhow::anyhow!("the token file cannot be read any more"))
    }

    /// Returns whether the host serves this component.
    async fn is_active(&self, client: &Client, content: &Bytes) -> Result<bool> {
        let status = client.status().await?;
        Ok(status.active.digest == digest::sha256(content))
    }

    /// Deploys a component. Returns false if the host refused it, after saying why.
    async fn deploy(&mut self, client: &Client, file: &Path, content: &Bytes) -> Result<bool> {
        let deployment = match self.order(client, content).await {
            Ok(deployment) => deployment,
            Err(error) => {
                self.say(&format!("not deployed: {error}"));
                return Ok(false);
            }
        };
        let outcome = deployment.outcome.known();
        if matches!(outcome, Some(Outcome::Active | Outcome::Running)) {
            return Ok(true);
        }
        let reason = deployment.reason.as_deref().unwrap_or("no reason given");
        let migration = deployment
            .code
            .as_ref()
            .and_then(|code| code.known())
            .is_some_and(is_about_history);
        if !migration {
            let all = deployment.events.iter().flat_map(|event| &event.rejections);
            let further: Vec<_> = all.skip(1).map(|rejection| &rejection.reason).collect();
            for further in &further {
                self.say(&format!("refused: {further}"));
            }
            self.say(&format!(
                "refused: {reason}; the logic before it stays in service"
            ));
            return Ok(false);
        }
        match &self.data {
            Data::ThrownAway(..) => {
                self.say(&format!("{reason}; starting with a new database"));
                self.stop().await?;
                self.start(file).await
            }
            Data::Kept(_) | Data::Elsewhere => {
                self.say(&format!(
                    "refused: {reason}. The database has data by the migration as it was: undo the \
                     change and add a new migration, or delete the database, or run `task-host dev` \
                     without one"
                ));
                Ok(false)
            }
        }
    }

    async fn order(
        &mut self,
        client: &Client,
        content: &Bytes,
    ) -> Result<Deployment, client::Error> {
        let digest = digest::sha256(content);
        if client.component(&digest).await?.is_none() {
            let upload = Upload {
                content: content.clone(),
                digest: digest.clone(),
                signature: None,
            };
            client.upload(upload, |_| {}).await?;
        }
        let order = Order {
            digest,
            dry_run: false,
            allow_breaking: true,
            retry_refused: true,
            canary_percent: None,
            shadow: false,
            // The author sees what the logic does, and wants the next save to be served in any case.
            rehearse: Some(0),
            ..Order::default()
        };
        let id = client.deploy(&order).await?;
        let mut breaking = Vec::new();
        let on_update = |update: Update<'_>| {
            let Update::Event(event) = update else {
                return ControlFlow::Continue(());
            };
            breaking.extend(event.breaking.iter().cloned());
            let switched = event.stage == Stage::Switch && event.status == EventStatus::Passed;
            match switched {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let retry = RetryPolicy::default();
        let deployment = client.follow(id, None, &retry, on_update).await;
        for change in breaking {
            self.say(&format!("breaks clients: {change}"));
        }
        deployment
    }

    /// Says where the service is, after the first start of a host.
    async fn show_addresses(&mut self) {
        let Some(host) = self.host.as_ref().filter(|_| self.addresses.is_none()) else {
            return;
        };
        self.addresses = Some([host.api, host.admin]);
        let (api, admin) = (at(host.api), at(host.admin));
        let docs = format!("{api}docs");
        let page = has_page(&api).await.then(|| api.to_string());
        let mut lines = vec![
            format!("  API            {api}"),
            format!("  documentation  {docs}"),
            format!("  console        {admin}console"),
        ];
        if let Some(tables) = &self.tables {
            lines.push(format!("  tables         http://{}/", tables.address));
        }
        if let Some(page) = &page {
            lines.insert(1, format!("  page           {page}"));
        }
        for line in lines {
            self.say(&line);
        }
        if self.args.open {
            let shown = page.unwrap_or(docs);
            if let Err(error) = open(&shown) {
                self.say(&format!("--open: no browser for {shown}: {error}"));
            }
        }
    }

    /// Stops the local host.
    async fn end(mut self) -> Result<()> {
        self.stop().await?;
        self.out.finish()
    }
}

/// Returns whether a component was refused because its migrations differ from those that the database
/// has.
fn is_about_history(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MigrationChanged | Reason::MigrationReordered | Reason::MigrationMissing
    )
}

/// Plays the requests of a seed.
async fn play(path: &Path, api: SocketAddr) -> Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let shown = path.display();
    let file = hurl::parse(&text).with_context(|| shown.to_string())?;
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let mut player = Player::new(&format!("http://{api}"), &folder, &[])?;
    for entry in &file.entries {
        let outcome = player.play(entry).await;
        if let Some(error) = outcome.error {
            bail!("{shown}: {error}");
        }
        if let Some(failed) = outcome.failed.first() {
            bail!(
                "{shown}, line {}: {}: expected {}, got {}; answer: {}",
                failed.line,
                failed.condition,
                failed.expected,
                failed.actual,
                outcome.body.unwrap_or_default()
            );
        }
        // A seed may leave out the status that it expects.
        if let Some((status, _)) = outcome.answered.filter(|(status, _)| *status >= 400) {
            bail!(
                "{shown}, line {}: the answer is {status}",
                entry.request.line
            );
        }
    }
    Ok(())
}

/// Passes a line of the host's log on, with the lines of a stack below each other.
fn print_log(line: &str) {
    // If standard error is closed, the service goes on.
    let _ = writeln!(std::io::stderr(), "{}", unfolded(line));
}

/// Breaks a line of the log where the text that it quotes does. The host has escaped the line breaks, so that nothing
/// quoted looks like a line of the log. Here the indentation shows that.
fn unfolded(line: &str) -> String {
    line.replace("\\n", "\n    ")
}

/// Returns the URL of a local address.
fn at(address: SocketAddr) -> Url {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => [127, 0, 0, 1].into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    Url::parse(&format!("http://{address}/")).expect("an address of digits is valid in a URL")
}

/// Returns whether the component answers `/` with a page.
async fn has_page(api: &Url) -> bool {
    let answer = async {
        let http = tls::client_builder(api).no_proxy().build()?;
        http.get(api.clone()).timeout(PAGE_PATIENCE).send().await
    };
    answer.await.is_ok_and(|answer| {
        let media_type = answer.headers().get(reqwest::header::CONTENT_TYPE);
        let is_html = media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
        answer.status().is_success() && is_html
    })
}

/// Opens a URL in the desktop's browser, without waiting for it.
fn open(url: &str) -> std::io::Result<()> {
    std::process::Command::new("xdg-open")
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

fn seconds(took: Duration) -> String {
    format::duration(took.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_shown_line_by_line_and_cannot_look_like_a_line_of_the_log() {
        let line = r"ERROR: the logic trapped:\nsrc/lib.rs:47\nINFO forged";
        assert_eq!(
            unfolded(line),
            "ERROR: the logic trapped:\n    src/lib.rs:47\n    INFO forged"
        );
        assert_eq!(unfolded("INFO: GET / 200"), "INFO: GET / 200");
    }
}
