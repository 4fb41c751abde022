//! `--against`: a component compared with an earlier one, as a deployment compares it with the
//! active one, so that a pipeline knows before any host does.

use std::fmt::Write as _;

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::Seen;
use storage::{MigrationError, continues};
use transcode::{BreakingChange, Operation, additions, breaking_changes};

/// What changes from one component to another.
pub(super) struct Comparison {
    name: String,
    version: String,
    digest: String,
    /// What breaks clients of the earlier one.
    breaking: Vec<BreakingChange>,
    /// What the later one offers beyond, a sentence each.
    added: Vec<String>,
    /// Why a database of the earlier one's would not take the later one.
    schema: Option<MigrationError>,
}

impl Comparison {
    /// Compares `after`, with its operations, to an earlier component.
    ///
    /// # Errors
    /// The earlier one does not fit together, so that nobody can be a client of it.
    pub(super) fn between(
        before: &Seen,
        after: &Seen,
        operations: &[Operation],
    ) -> anyhow::Result<Self> {
        let earlier = before.operations.as_ref().map_err(|refused| {
            anyhow!(
                "--against: no host would take it ({}): {refused}",
                refused.code()
            )
        })?;
        let migrations = (
            &before.description.migrations,
            &after.description.migrations,
        );
        Ok(Comparison {
            name: before.description.name.clone(),
            version: before.description.version.clone(),
            digest: before.digest.clone(),
            breaking: breaking_changes(earlier, operations),
            added: additions(earlier, operations),
            schema: continues(migrations.0, migrations.1).err(),
        })
    }

    pub(super) fn report(&self) -> Value {
        let breaking: Vec<Value> = self
            .breaking
            .iter()
            .map(|change| {
                json!({
                    "kind": change.kind.as_str(),
                    "route": change.route,
                    "place": change.place,
                    "change": change.to_string(),
                })
            })
            .collect();
        json!({
            "name": self.name,
            "version": self.version,
            "digest": format!("sha256:{}", self.digest),
            "breaking": breaking,
            "added": self.added,
            "schema": self.schema.as_ref().map(ToString::to_string),
        })
    }

    pub(super) fn in_words(&self) -> String {
        let mut out = format!(
            "\nagainst {} {} (sha256:{})\n",
            self.name, self.version, self.digest
        );
        let lines = |sign: &'static str, lines: Vec<String>| {
            let line = move |line| format!("  {sign} {line}\n");
            lines.into_iter().map(line).collect::<String>()
        };
        let breaking = self.breaking.iter().map(ToString::to_string).collect();
        let schema = self.schema.iter().map(ToString::to_string).collect();
        out += &lines("breaks", breaking);
        out += &lines("schema", schema);
        out += &lines("added ", self.added.clone());
        if self.breaking.is_empty() {
            let _ = writeln!(out, "  breaks nothing for clients");
        }
        out
    }

    /// # Errors
    /// It breaks clients, or the schema does not go on from where it is.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        let mut reasons = Vec::new();
        match self.breaking.len() {
            0 => {}
            1 => reasons.push("1 change breaks clients".to_owned()),
            count => reasons.push(format!("{count} changes break clients")),
        }
        reasons.extend(self.schema.iter().map(ToString::to_string));
        if !reasons.is_empty() {
            bail!(
                "against {} {}: {}",
                self.name,
                self.version,
                reasons.join("; ")
            );
        }
        Ok(())
    }
}
