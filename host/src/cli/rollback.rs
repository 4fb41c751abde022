//! `task-host rollback`: rolls back to logic that was active before.

use std::io::Write;

use super::client::{self, Client, RetryPolicy};
use super::goal::Goal;
use super::output::report::{Report, Style};
use super::process::block_on;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component to roll back to, by the first digits of its digest; by default the one that was
    /// active before the current one
    digest: Option<String>,

    /// Print one JSON object per line: the events, and at the end the deployment
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let report = Report::new(std::io::stdout(), Style::for_stdout(args.json));
    roll_back(args, report, &RetryPolicy::default())
}

fn roll_back<W: Write>(
    args: &Args,
    mut report: Report<W>,
    retry: &RetryPolicy,
) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let result = block_on(async {
        let digest = match &args.digest {
            Some(prefix) => Some(client.resolve_digest(prefix).await?),
            None => None,
        };
        let id = client.rollback(digest.as_deref()).await?;
        report.message(&format!("deployment {id}"));
        Goal::BACK
            .follow(&client, id, None, &mut report, retry)
            .await
    });
    report.finish(result)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;
    use crate::cli::client::fake::{
        DIGEST, Fake, NO_PAUSES, component, deployment, event, events, ok, started,
    };
    use crate::cli::{Cli, Command};

    fn roll_back_on(fake: &Fake, flags: &[&str]) -> Result<(), Failure> {
        let line = ["task-host", "rollback", "--to", &fake.url];
        let Command::Rollback(args) = Cli::parse_from([&line[..], flags].concat()).command else {
            panic!("not rollback")
        };
        roll_back(&args, Report::new(Vec::new(), Style::Plain), &NO_PAUSES)
    }

    #[test]
    fn without_a_digest_the_host_chooses_the_component() {
        let fake = Fake::answers([
            started(7),
            events(&[event(0, "switch", "passed"), event(1, "end", "noted")]),
            ok(&deployment("active")),
        ]);
        assert!(roll_back_on(&fake, &[]).is_ok());
        let request = &fake.received()[0];
        assert_eq!(request.line, "POST /admin/rollback");
        assert_eq!(request.json(), json!({"digest": null}));
    }

    #[test]
    fn the_first_digits_of_a_digest_are_enough() {
        let fake = Fake::answers([
            ok(&[component(DIGEST, false)]),
            started(7),
            events(&[event(0, "end", "noted")]),
            ok(&deployment("rejected")),
        ]);
        assert!(roll_back_on(&fake, &["a6bffc98f5bb"]).is_err());
        assert_eq!(fake.received()[1].json(), json!({"digest": DIGEST}));
    }
}
