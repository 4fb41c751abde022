//! The hosts that share a database, as a table.

use crate::cli::show;
use crate::cli::table::{Align, Table};
use deployment::model::ReplicaStatus;

/// Columns of a host's name.
const NAME: usize = 32;

/// A line for each host, with what keeps it from serving what is deployed; nothing where the
/// database belongs to one.
pub(super) fn table(replicas: &[ReplicaStatus]) -> String {
    if replicas.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        ("REPLICA", Align::Left),
        ("STATE", Align::Left),
        ("DIGEST", Align::Left),
        ("EPOCH", Align::Right),
        ("HEARD", Align::Right),
    ]);
    for replica in replicas {
        let this = if replica.this { " (this)" } else { "" };
        let cells = [
            format!("{}{this}", show::cut(&replica.name, NAME)),
            replica.state.clone(),
            replica
                .digest
                .as_deref()
                .map_or("-", show::digest)
                .to_owned(),
            replica.epoch.to_string(),
            show::duration(replica.heartbeat_ms as f64),
        ];
        table.add(cells, replica.problem.clone());
    }
    format!("\n{}", table.text())
}
