//! `task-host failures`: lists the failed requests of a host in groups.

use super::client::{self, Client};
use super::output::format;
use super::output::table::{Align, Table};
use super::process::block_on;
use crate::failure::Failure;
use crate::stdout::{print, print_json};
use server::{FailureGroup, FailureGroups};

/// Width of the method and route, in columns.
const REQUEST: usize = 34;
/// Width of the problem's code, in columns.
const CODE: usize = 24;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print a JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    host: client::Args,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(&args.host)?;
    let groups = block_on(async { Ok(client.failure_groups().await?) })?;
    let printed = match args.json {
        true => print_json(&groups),
        false => print(page(&groups)),
    };
    Ok(printed?)
}

fn page(found: &FailureGroups) -> Vec<String> {
    if found.groups.is_empty() {
        return vec!["no failed requests since the host started".to_owned()];
    }
    let mut table = Table::new([
        ("COUNT", Align::Right),
        ("LAST (UTC)", Align::Left),
        ("REQUEST", Align::Left),
        ("KIND", Align::Left),
    ]);
    for group in &found.groups {
        let mut last = format::time(&group.last_at);
        // Seconds do not fit into 80 columns.
        last.truncate(16);
        let cells = [
            group.count.to_string(),
            last,
            format::truncate(&format!("{} {}", group.method, group.route), REQUEST),
            format::truncate(&group.code, CODE),
        ];
        table.add(cells, Some(note(group)));
    }
    let mut lines = table.render();
    if found.others > 0 {
        let others = format!("and {} of groups that are not kept any more", found.others);
        lines.push(others);
    }
    lines
}

/// Where it failed, since when, and how to run the last one again.
fn note(group: &FailureGroup) -> String {
    let what = match &group.place {
        Some(place) => format!("in {place}"),
        None => group.reason.clone(),
    };
    let first = format::time(&group.first_at);
    let example = match group.recorded {
        true => format!("task-host replay {}", group.request_id),
        false => format!("request {}", group.request_id),
    };
    format!("{what}\nfirst {first}, last: {example}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(place: Option<&str>, recorded: bool) -> FailureGroup {
        FailureGroup {
            method: "GET".to_owned(),
            route: "/tasks".to_owned(),
            code: "logic-trapped".to_owned(),
            place: place.map(str::to_owned),
            count: 801,
            first_at: "2026-01-02T03:04:05Z".to_owned(),
            last_at: "2026-01-02T04:04:05Z".to_owned(),
            status: 500,
            reason: "the logic trapped: unreachable".to_owned(),
            revision: "0123456789ab".to_owned(),
            request_id: "b7f0".to_owned(),
            recorded,
        }
    }

    #[test]
    fn each_group_says_how_often_where_and_how_to_run_one_again() {
        let found = FailureGroups {
            groups: vec![group(Some("tasks::list"), true), group(None, false)],
            others: 3,
        };
        let expected = "\
COUNT  LAST (UTC)        REQUEST     KIND
  801  2026-01-02 04:04  GET /tasks  logic-trapped
      in tasks::list
      first 2026-01-02 03:04:05, last: task-host replay b7f0
  801  2026-01-02 04:04  GET /tasks  logic-trapped
      the logic trapped: unreachable
      first 2026-01-02 03:04:05, last: request b7f0
and 3 of groups that are not kept any more
";
        assert_eq!(page(&found).join("\n") + "\n", expected);
    }

    #[test]
    fn a_host_without_failures_says_so() {
        let found = FailureGroups {
            groups: Vec::new(),
            others: 0,
        };
        assert_eq!(page(&found), ["no failed requests since the host started"]);
    }
}
