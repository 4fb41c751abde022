//! `task-host history`: lists deployments of a host's history.

use clap::builder::PossibleValuesParser;

use super::client::{self, Client};
use super::output::deployments;
use super::process::block_on;
use crate::failure::Failure;
use crate::stdout::{print, print_json};
use contract::Vocabulary as _;
use contract::deployment::{Kind, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The largest number of deployments to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,

    /// Only deployments before this one: the next page, after a list whose last one it is
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    before: Option<i64>,

    /// Only deployments of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::texts()))]
    kind: Option<String>,

    /// Only deployments that ended like this, or run
    #[arg(long, value_parser = PossibleValuesParser::new(Outcome::texts()))]
    outcome: Option<String>,

    /// Only deployments with this text in the id (#7), the digest, the message, the Git revision, the
    /// actor, or the reason
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Also show how long each stage took
    #[arg(long)]
    stages: bool,

    /// Print a JSON array
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let deployments = block_on(async { Ok(client.history(&query(args)).await?) })?;
    let printed = match (args.json, args.stages) {
        (true, _) => print_json(&deployments),
        (false, true) => print(deployments::table_with_stages(&deployments)),
        (false, false) => print(deployments::table(&deployments)),
    };
    Ok(printed?)
}

fn query(args: &Args) -> Vec<(&'static str, String)> {
    let optional = [
        ("before", args.before.map(|id| id.to_string())),
        ("kind", args.kind.clone()),
        ("outcome", args.outcome.clone()),
        ("search", args.search.clone()),
    ];
    let given = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    std::iter::once(("limit", args.limit.to_string()))
        .chain(given)
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::client::fake::{Fake, deployment, ok};
    use crate::cli::{Cli, Command};

    #[test]
    fn the_flags_become_a_query() {
        let fake = Fake::answers([ok(&vec![deployment("active")])]);
        let line = ["task-host", "history", "--to", &fake.url, "--limit", "5"];
        let flags = ["--before", "9", "--outcome", "active", "--search", "a & b"];
        let line = [&line[..], &flags].concat();
        let Command::History(args) = Cli::parse_from(line).command else {
            panic!("not history")
        };
        assert!(run(&args).is_ok());
        assert_eq!(
            fake.lines(),
            ["GET /admin/deployments?limit=5&before=9&outcome=active&search=a%20%26%20b"]
        );
        for wrong in [["--kind", "x"], ["--outcome", "good"], ["--before", "0"]] {
            let line = [&["task-host", "history"][..], &wrong].concat();
            assert!(Cli::try_parse_from(line).is_err(), "{wrong:?}");
        }
    }
}
