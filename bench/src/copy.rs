//! Generated tasks in the format that `task-host import` reads. The same number gives the same tasks.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::random::Random;

/// Number of people that tasks are assigned to.
pub const ASSIGNEES: u64 = 50;
/// Number of labels, of which each task has one.
pub const LABELS: u64 = 40;
/// A word in 20 tasks, whatever their number.
pub const NEEDLE: &str = "needle";
/// A word in six of ten tasks.
pub const COMMON: &str = "word0000";
/// Number of tasks with the needle.
const NEEDLES: u64 = 20;
/// Number of different words.
const WORDS: f64 = 2000.0;
/// Number of words in a title and in a description.
const LENGTHS: [usize; 2] = [4, 8];
/// Creation time of the first task, in microseconds. The others follow a second apart.
const BEGAN: u64 = 1_700_000_000_000_000;

/// Returns a task to create through the API, as JSON.
pub fn draft(random: &mut Random) -> String {
    let words: Vec<String> = (0..6).map(|_| word(random)).collect();
    let title = words.join(" ");
    json!({"title": title, "category": "testing", "tags": ["new"]}).to_string()
}

/// Writes an export of that many tasks. Its header is that of `empty`, the export of an empty database,
/// with other counts. Terms are in the order of their key, as SQLite exports them: that order takes both
/// engines two thirds of the time.
///
/// # Errors
/// If the header names other tables or columns than the ones known here, or the reader ends.
pub fn write(empty: &str, tasks: u64, output: impl Write) -> Result<()> {
    let mut output = BufWriter::new(output);
    let mut header: Value = serde_json::from_str(empty.lines().next().unwrap_or_default())?;
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for id in 1..=tasks {
        for term in Task::new(id, tasks).terms {
            found.entry(term).or_default().push(id);
        }
    }
    let terms: usize = found.values().map(Vec::len).sum();
    let tables = header["tables"].as_array_mut().context("no tables")?;
    for table in tables.iter_mut() {
        table["rows"] = match table["name"].as_str() {
            Some("tasks") => tasks.into(),
            Some("task_terms") => terms.into(),
            Some("task_sums_state") => 1.into(),
            _ => 0.into(),
        };
        table["last_id"] = match table["name"].as_str() {
            Some("tasks") => tasks.into(),
            _ => Value::Null,
        };
    }
    let tables = tables.clone();
    writeln!(output, "{header}")?;
    for table in &tables {
        let columns: Vec<&str> = table["columns"]
            .as_array()
            .context("no columns")?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        match table["name"].as_str() {
            Some("tasks") => {
                for id in 1..=tasks {
                    let row = Task::new(id, tasks).row(&columns)?;
                    writeln!(output, "{row}")?;
                }
            }
            // The sums are not in the copy: the host counts them.
            Some("task_sums_state") => {
                let row = columns.iter().map(|column| match *column {
                    "counting_to" => json!(i64::MAX),
                    _ => json!(0),
                });
                let row: Vec<Value> = [json!("task_sums_state")].into_iter().chain(row).collect();
                writeln!(output, "{}", Value::Array(row))?;
            }
            Some("task_terms") => {
                for (term, ids) in &found {
                    for id in ids {
                        writeln!(output, "[\"task_terms\",\"{term}\",{id}]")?;
                    }
                }
            }
            _ => {}
        }
    }
    output.flush().context("the import ended early")
}

/// Returns a random word. Some words are far more common than others.
fn word(random: &mut Random) -> String {
    let place = (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
    format!("word{:04}", (WORDS * place.powi(3)) as u32)
}

struct Task {
    id: u64,
    title: String,
    description: String,
    random: u64,
    terms: Vec<String>,
}

impl Task {
    fn new(id: u64, of: u64) -> Self {
        let mut random = Random::new(id);
        let [mut title, description] =
            LENGTHS.map(|length| (0..length).map(|_| word(&mut random)).collect::<Vec<_>>());
        // Spread over all tasks.
        if id.is_multiple_of((of / NEEDLES).max(1)) {
            title.push(NEEDLE.to_owned());
        }
        let random = random.next();
        let mut terms: Vec<String> = title.iter().chain(&description).cloned().collect();
        terms.push(format!("#label-{}", random % LABELS));
        terms.sort_unstable();
        terms.dedup();
        Self {
            id,
            title: title.join(" "),
            description: description.join(" "),
            random,
            terms,
        }
    }

    fn row(&self, columns: &[&str]) -> Result<Value> {
        let Self { id, random, .. } = self;
        let label = format!("label-{}", random % LABELS);
        let mut row = vec![json!("tasks")];
        for column in columns {
            row.push(match *column {
                "id" => json!(id),
                "title" => json!(self.title),
                "description" => json!(self.description),
                "status" => json!(random / 64 % 5),
                "priority" => json!(random / 512 % 4),
                "category" => json!(random / 4096 % 6),
                "assignee" => json!(format!("person-{}", random / 65_536 % ASSIGNEES)),
                "estimated_hours" => json!(random % 16),
                "tags" => json!(format!("{}:{label},", label.len())),
                "dependencies" => json!(""),
                "created_at" => json!(BEGAN + id * 1_000_000),
                "updated_at" => json!(0),
                "checksum" => json!(format!("{random:016x}")),
                "actual_hours" | "due_at" | "completed_at" => Value::Null,
                other => bail!("unknown column {other}"),
            });
        }
        Ok(Value::Array(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_has_the_rows_that_its_header_states() {
        let empty = r#"{"tables":[{"name":"task_terms","columns":["term","task_id"]},
            {"name":"tasks","columns":["id","title","tags"]}]}"#;
        let mut lines = Vec::new();
        write(&empty.replace('\n', ""), 100, &mut lines).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let header: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        let rows = |table: &str| {
            let start = format!("[\"{table}\"");
            lines
                .lines()
                .filter(|line| line.starts_with(&start))
                .count()
        };
        assert_eq!(rows("tasks"), 100);
        assert_eq!(header["tables"][0]["rows"], rows("task_terms"));
        let needles = lines.matches("\"needle\"").count();
        assert_eq!(needles as u64, NEEDLES);
    }
}
