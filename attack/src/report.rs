//! The tables: the list of attacks, and the figures of a campaign.

use std::fmt::Write as _;
use std::time::Duration;

use crate::attacks::Attack;
use crate::campaign::{Campaign, Row};

/// Returns the list of attacks as docs/SECURITY.md has it.
pub fn list(attacks: &[Attack]) -> String {
    let mut table =
        String::from("| attack | what is sent | what bounds it |\n| --- | --- | --- |\n");
    for attack in attacks {
        let Attack {
            name, sends, bound, ..
        } = attack;
        let _ = writeln!(table, "| `{name}` | {sends} | {bound} |");
    }
    table
}

/// Returns the beginning of the table of figures.
pub fn head(campaign: &Campaign) -> String {
    format!(
        "Memory limit of `dev`: {} MiB, {}.\n\n\
         | attack | peak memory, MiB | p99 of others' reads, quiet and beside it, ms | p99 of their \
         writes | refused by a limit | failed | slowest answer to operators, ms | result | what came \
         back |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        campaign.manifest.memory_bytes >> 20,
        match campaign.confined {
            true => "set by a control group",
            false => "compared with /proc",
        }
    )
}

/// Returns the line of an attack.
pub fn row(row: &Row) -> String {
    let (reads, writes) = (percentiles(row.reads), percentiles(row.writes));
    let figures = match row.refused {
        // The attack had hosts of its own.
        [_, 0] => "– | – | – | – | – | –".to_owned(),
        [refused, sent] => format!(
            "{} | {reads} | {writes} | {refused} of {sent} | {} | {}",
            row.peak_bytes >> 20,
            row.failed,
            milliseconds(row.slowest),
        ),
    };
    let (result, note) = match &row.broken[..] {
        [] => ("held", row.note.clone()),
        broken => ("**broken**", broken.join("; ")),
    };
    format!("| `{}` | {figures} | {result} | {note} |\n", row.name)
}

/// A percentile of the light load, alone and beside the attack.
fn percentiles(times: [Option<Duration>; 2]) -> String {
    match times {
        [Some(quiet), Some(beside)] => {
            format!("{}, {}", milliseconds(quiet), milliseconds(beside))
        }
        _ => "–".to_owned(),
    }
}

fn milliseconds(time: Duration) -> u128 {
    time.as_millis()
}
