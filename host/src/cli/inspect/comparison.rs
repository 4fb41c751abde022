//! `--against`: compares a component with an earlier one, as a deployment compares it with the active
//! one, so that a pipeline finds breaking changes without a host.

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::inspection::Inspection;
use storage::{MigrationError, continues};
use transcode::{BreakingChange, Operation, additions, breaking_changes};

/// The changes from an earlier component to a later one.
pub(super) struct Comparison {
    /// The name, version and digest of the earlier component.
    name: String,
    version: String,
    digest: String,
    /// Changes that break clients of the earlier component.
    breaking: Vec<BreakingChange>,
    /// Additions in the later component, one sentence each.
    added: Vec<String>,
    /// Why the later component's migrations cannot be applied to a database of the earlier one.
    schema: Option<MigrationError>,
}

impl Comparison {
    /// Compares `after`, whose operations are `operations`, with the earlier component `before`.
    ///
    /// # Errors
    /// No host would accept the earlier component, so it cannot have clients.
    pub(super) fn between(
        before: &Inspection,
        after: &Inspection,
        operations: &[Operation],
    ) -> anyhow::Result<Self> {
        let earlier = before.operations.as_ref().map_err(|refused| {
            anyhow!(
                "--against: no host would accept it ({}): {refused}",
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

    /// Returns the comparison as the member `against` of the JSON report.
    pub(super) fn to_json(&self) -> Value {
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

    /// Returns the comparison as lines of text for people.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let breaking = self
            .breaking
            .iter()
            .map(|change| format!("  breaks {change}"));
        let schema = self
            .schema
            .iter()
            .map(|change| format!("  schema {change}"));
        let added = self.added.iter().map(|change| format!("  added  {change}"));
        let nothing = self.breaking.is_empty();
        let nothing = nothing.then(|| "  breaks nothing for clients".to_owned());
        let title = format!(
            "against {} {} (sha256:{})",
            self.name, self.version, self.digest
        );
        let lines = [String::new(), title].into_iter();
        lines
            .chain(breaking)
            .chain(schema)
            .chain(added)
            .chain(nothing)
            .collect()
    }

    /// Checks that the later component can replace the earlier one.
    ///
    /// # Errors
    /// It breaks clients, or its migrations do not continue those of the earlier component.
    pub(super) fn check(&self) -> anyhow::Result<()> {
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
