//! Makes a plan without values of what EXPLAIN returns.
//!
//! EXPLAIN's text has conditions with values in them, and a value can look like anything. In JSON, the
//! members that are names cannot be confused with others.

use std::error::Error as StdError;
use std::fmt::Write as _;

use serde_json::Value as Json;
use tokio_postgres::types::{FromSql, Type};

/// The plan as EXPLAIN returns it: text of the type `json`.
pub(super) struct Explained(String);

impl<'a> FromSql<'a> for Explained {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Explained(String::from_utf8(raw.to_vec())?))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::JSON
    }
}

impl Explained {
    /// Returns the steps of the plan, a line each, with the names of tables and indexes.
    pub(super) fn steps(&self) -> String {
        let mut steps = String::new();
        if let Ok(explained) = serde_json::from_str::<Json>(&self.0) {
            add(&explained[0]["Plan"], 0, &mut steps);
        }
        steps
    }
}

fn add(node: &Json, depth: usize, steps: &mut String) {
    let name = |member: &str| node[member].as_str();
    let Some(kind) = name("Node Type") else {
        return;
    };
    let gap = if steps.is_empty() { "" } else { "\n" };
    // Writing to a string cannot fail.
    let _ = write!(steps, "{gap}{:1$}{kind}", "", depth * 2);
    if name("Scan Direction") == Some("Backward") {
        steps.push_str(" Backward");
    }
    for (before, member) in [
        ("using", "Index Name"),
        ("on", "Relation Name"),
        ("on", "Function Name"),
        ("on", "CTE Name"),
    ] {
        if let Some(name) = name(member) {
            let _ = write!(steps, " {before} {name}");
        }
    }
    if let Some(rows) = node["Plan Rows"].as_f64() {
        let _ = write!(steps, " (rows={rows})");
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        add(below, depth + 1, steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_steps_and_estimated_rows_but_no_values() {
        let explained = r#"[{"Plan": {"Node Type": "Limit", "Plan Rows": 101, "Plans": [
            {"Node Type": "Nested Loop", "Join Filter": "(a.x = 'secret'::text)", "Plan Rows": 120,
             "Plans": [
                {"Node Type": "Index Scan", "Scan Direction": "Backward", "Plan Rows": 7,
                 "Index Name": "tasks_by_priority", "Relation Name": "tasks", "Alias": "tasks",
                 "Filter": "(title = 'secret'::text)"},
                {"Node Type": "Function Scan", "Function Name": "jsonb_array_elements",
                 "Function Call": "jsonb_array_elements('[\"secret\"]'::jsonb)", "Plan Rows": 100}
             ]}]}}]"#;
        assert_eq!(
            Explained(explained.to_owned()).steps(),
            "Limit (rows=101)\n  Nested Loop (rows=120)\n    \
             Index Scan Backward using tasks_by_priority on tasks (rows=7)\n    \
             Function Scan on jsonb_array_elements (rows=100)"
        );
    }
}
