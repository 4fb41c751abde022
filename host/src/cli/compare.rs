//! `task-host compare`: what a component would do differently, as a report in Markdown, for example for a
//! pull request. It is a dry run on a running host: its requests are rehearsed, and nothing is switched.
//!
//! The report is on standard output; the stages of the dry run are on standard error. The exit status is 1 if
//! the host refuses the component or clients would break, and with `--strict` if a request ends differently or none
//! of those that were sampled could be compared.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::bail;
use reqwest::Url;

use super::client::{self, Client, Credentials, RetryPolicy, Update, base};
use super::deploy::upload::Component;
use super::goal::Goal;
use super::output::format;
use super::output::report::{Report, Style};
use super::process::block_on;
use crate::failure::Failure;
use crate::oci;
use crate::stdout::print;
use contract::deployment::Outcome;
use deployment::model::{Deployment, Order, Rehearsal, RehearsalDifference};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component that the host serves and the new one, or only the new one: files, or references such
    /// as oci://ghcr.io/acme/tasks:1.2. If the host serves another component than OLD, the command fails
    #[arg(value_name = "[OLD] NEW", num_args = 1..=2, required = true)]
    sources: Vec<PathBuf>,

    /// How many of the requests that clients sent lately are rehearsed
    #[arg(long, value_name = "REQUESTS", default_value_t = 200)]
    rehearse: u32,

    /// Fail if a rehearsed request ends differently, or if the host has sampled requests and could compare none
    #[arg(long)]
    strict: bool,

    /// Accept changes that break clients of the active API. The report lists them in any case
    #[arg(long)]
    allow_breaking: bool,

    /// The address of the admin port of the host that rehearses
    #[arg(long, env = "TASK_HOST_ADMIN_URL", value_name = "URL",
        default_value = "http://127.0.0.1:9000", value_parser = base, help_heading = "Host")]
    against: Url,

    #[command(flatten)]
    credentials: Credentials,

    #[command(flatten)]
    registry: oci::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (old, new) = match &args.sources[..] {
        [old, new] => (Some(read(old, &args.registry)?), read(new, &args.registry)?),
        sources => (None, read(&sources[0], &args.registry)?),
    };
    let host = client::Args::new(args.against.clone(), args.credentials.clone());
    let client = Client::new(&host)?;
    let mut report = Report::new(std::io::stderr(), Style::Plain);
    let deployment = block_on(async {
        if let Some(old) = &old {
            let active = client.status().await?.active.digest;
            if active != old.digest {
                bail!(
                    "the host serves {}, not {}. A rehearsal compares with what is active: leave OLD out, or \
                     name a host that serves it",
                    format::digest(&active),
                    format::digest(&old.digest)
                );
            }
        }
        new.upload(&client, &mut report).await?;
        let order = Order {
            digest: new.digest.clone(),
            dry_run: true,
            // The report lists them.
            allow_breaking: true,
            retry_refused: true,
            rehearse: Some(args.rehearse),
            ..Order::default()
        };
        let id = client.deploy(&order).await?;
        let retry = RetryPolicy::default();
        let follow = client.follow(id, None, &retry, |update: Update<'_>| {
            report.update(&update);
            ControlFlow::Continue(())
        });
        Ok(follow.await?)
    })?;
    let findings = Findings::of(&deployment);
    print(findings.markdown(&deployment).lines())?;
    let judged = Goal::CHECKED.judge(&deployment, &mut report);
    report.finish(judged.and_then(|()| findings.judge(args)))
}

fn read(source: &Path, registry: &oci::Args) -> Result<Component, Failure> {
    match source.to_str().filter(|text| text.starts_with(oci::SCHEME)) {
        Some(reference) => Component::pull(reference, registry),
        None => Component::read(source, None),
    }
}

/// What a dry run found.
struct Findings<'a> {
    breaking: Vec<&'a str>,
    rehearsal: Option<&'a Rehearsal>,
}

impl<'a> Findings<'a> {
    fn of(deployment: &'a Deployment) -> Self {
        let events = &deployment.events;
        let breaking = events.iter().flat_map(|event| &event.breaking);
        Findings {
            breaking: breaking.map(String::as_str).collect(),
            rehearsal: events.iter().find_map(|event| event.rehearsal.as_ref()),
        }
    }

    /// Fails if the component does something that the command was not told to accept.
    fn judge(&self, args: &Args) -> anyhow::Result<()> {
        if !self.breaking.is_empty() && !args.allow_breaking {
            bail!("changes break clients; --allow-breaking accepts them");
        }
        match self.rehearsal {
            Some(of) if args.strict && of.different > 0 => {
                bail!("rehearsed requests end differently, which --strict does not accept")
            }
            Some(of) if args.strict && of.compared == 0 => {
                bail!("no sampled request could be compared, which --strict does not accept")
            }
            _ => Ok(()),
        }
    }

    fn markdown(&self, deployment: &Deployment) -> String {
        let mut text = format!("### Rehearsal of `{}`", format::digest(&deployment.digest));
        if let Some(from) = &deployment.from {
            text += &format!(" against `{}`", format::digest(from));
        }
        text += "\n\n";
        if deployment.outcome != Outcome::Checked {
            let code = deployment.code.as_ref().map(ToString::to_string);
            let code = code.unwrap_or_else(|| deployment.outcome.to_string());
            let reason = deployment.reason.as_deref().unwrap_or_default();
            let first = reason.lines().next().unwrap_or_default();
            let _ = write!(
                text,
                "**The host refuses it**: {} {}\n\n",
                code_span(&code),
                code_span(first)
            );
        }
        if !self.breaking.is_empty() {
            text += "These changes break clients:\n\n";
            for change in &self.breaking {
                let _ = writeln!(text, "- {}", code_span(change));
            }
            text += "\n";
        }
        match self.rehearsal {
            Some(rehearsal) => rehearsed(&mut text, rehearsal),
            None => {
                text += "No requests were rehearsed: the host has sampled none, or it refused the component before.\n"
            }
        }
        text
    }
}

fn rehearsed(text: &mut String, rehearsal: &Rehearsal) {
    let Rehearsal {
        compared,
        different,
        skipped,
        skipped_because,
        differences,
    } = rehearsal;
    let _ = match (compared, different) {
        (0, _) => write!(text, "**No sampled request was compared.**"),
        (1, 0) => write!(text, "The one sampled request ends as before."),
        (_, 0) => write!(text, "All {compared} sampled requests end as before."),
        (_, 1) => write!(
            text,
            "**1 of {compared} sampled requests ends differently.**"
        ),
        _ => write!(
            text,
            "**{different} of {compared} sampled requests end differently.**"
        ),
    };
    if let Some(because) = skipped_because {
        let _ = write!(text, " Left out: {skipped}, because {because}.");
    }
    *text += "\n";
    if differences.is_empty() {
        return;
    }
    *text += "\n| route | requests | what | difference | first in request |\n| --- | --- | --- | --- | --- |\n";
    for difference in differences {
        let RehearsalDifference {
            route,
            part,
            place,
            detail,
            count,
            compared,
            request_id,
            ..
        } = difference;
        let place = match place.as_str() {
            "" => String::new(),
            place => format!(" {}", code_span(place)),
        };
        let (route, request_id) = (code_span(route), code_span(request_id));
        let _ = writeln!(
            text,
            "| {route} | {count} of {compared} | {part}{place} | {detail} | {request_id} |"
        );
    }
}

/// A text of others as code, so that nothing in it is markup.
fn code_span(text: &str) -> String {
    let shown = text.replace('`', "'").replace('|', "\\|");
    match shown.trim() {
        "" => String::new(),
        shown => format!("`{shown}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::fake;

    #[test]
    fn texts_of_clients_cannot_be_markup() {
        let mut rehearsal = Rehearsal {
            compared: 3,
            different: 1,
            ..Rehearsal::default()
        };
        rehearsal.differences.push(RehearsalDifference {
            summary: String::new(),
            route: "GET /things".to_owned(),
            part: "body".to_owned(),
            place: "/*/sum".to_owned(),
            detail: "1.25 became 1.3".to_owned(),
            count: 1,
            compared: 3,
            request_id: "`|[x](http://evil)".to_owned(),
            reason: None,
        });
        let mut text = String::new();
        rehearsed(&mut text, &rehearsal);
        let row =
            "| `GET /things` | 1 of 3 | body `/*/sum` | 1.25 became 1.3 | `'\\|[x](http://evil)` |";
        assert_eq!(text.lines().last(), Some(row));
    }

    #[test]
    fn a_component_that_is_refused_is_reported_with_its_reason() {
        let deployment = fake::deployment("rejected");
        let findings = Findings::of(&deployment);
        let text = findings.markdown(&deployment);
        assert!(text.contains("**The host refuses it**"), "{text}");
    }
}
