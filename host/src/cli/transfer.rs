//! The lines that `export` writes and `import` reads, and how both tell how far they are.
//!
//! The first line is a JSON object, the [`Header`]. Each further one is a row: an array of the
//! table's name and a value for each of its columns, in the header's order.
//!
//! | value | JSON |
//! | --- | --- |
//! | null, boolean, text | null, true or false, string |
//! | integer | number without fraction and exponent |
//! | real | number with one of them; `{"real": "…"}` where a plain number would not be exact |
//! | blob | `{"blob": "…"}`, base64 |

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use storage::transfer::{Applied, Manifest, Row, Table};
use storage::{Dialect, Value};

/// The version of these lines.
const FORMAT: u32 = 1;
/// How often progress is told.
const EVERY: Duration = Duration::from_secs(1);

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// The version of the lines that follow.
    task_host_export: u32,
    /// The host that wrote them.
    host_version: String,
    /// When, RFC 3339.
    exported_at: String,
    /// The engine that they come from: `sqlite` or `postgres`.
    dialect: String,
    /// The migrations that made the tables, in order.
    migrations: Vec<Step>,
    /// The tables, in the order in which their rows come.
    tables: Vec<TableLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Step {
    name: String,
    /// SHA-256 of the migration's text for that engine, in hex.
    checksum: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableLine {
    name: String,
    columns: Vec<String>,
    rows: u64,
    /// The highest number that the table has given to a row, where it counts them.
    last_id: Option<i64>,
}

impl Header {
    /// Describes a copy that is made now.
    pub(super) fn of(manifest: &Manifest) -> Header {
        let step = |step: &Applied| Step {
            name: step.name.clone(),
            checksum: step
                .checksum
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        };
        let table = |table: &Table| TableLine {
            name: table.name.clone(),
            columns: table.columns.clone(),
            rows: table.rows,
            last_id: table.last_id,
        };
        Header {
            task_host_export: FORMAT,
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            exported_at: jiff::Timestamp::now().to_string(),
            dialect: match manifest.dialect {
                Dialect::Sqlite => "sqlite".to_owned(),
                Dialect::Postgres => "postgres".to_owned(),
            },
            migrations: manifest.migrations.iter().map(step).collect(),
            tables: manifest.tables.iter().map(table).collect(),
        }
    }

    /// What a header says, in the words of the storage.
    pub(super) fn manifest(self) -> anyhow::Result<Manifest> {
        if self.task_host_export != FORMAT {
            bail!(
                "this is an export of version {}, and this host reads version {FORMAT}",
                self.task_host_export
            );
        }
        let step = |step: Step| {
            let checksum = checksum(&step.checksum)
                .with_context(|| format!("the checksum of {} is not SHA-256", step.name))?;
            let name = step.name;
            anyhow::Ok(Applied { name, checksum })
        };
        let table = |table: TableLine| Table {
            name: table.name,
            columns: table.columns,
            rows: table.rows,
            last_id: table.last_id,
        };
        Ok(Manifest {
            dialect: match self.dialect.as_str() {
                "sqlite" => Dialect::Sqlite,
                "postgres" => Dialect::Postgres,
                other => bail!("{other} is not an engine that this host knows"),
            },
            migrations: self
                .migrations
                .into_iter()
                .map(step)
                .collect::<Result<_, _>>()?,
            tables: self.tables.into_iter().map(table).collect(),
        })
    }
}

fn checksum(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

/// The line of a row.
pub(super) fn write(table: &str, row: &[Value]) -> String {
    let mut line = vec![Json::from(table)];
    line.extend(row.iter().map(|value| match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Real(value) => real(*value),
        Value::Text(text) => text.as_str().into(),
        Value::Blob(bytes) => json!({"blob": STANDARD.encode(bytes)}),
    }));
    Json::Array(line).to_string()
}

fn real(value: f64) -> Json {
    let number = Json::from(value);
    // Infinity is null in JSON, and a reader may miss the last digit of a long fraction.
    match serde_json::from_str::<f64>(&number.to_string()) {
        Ok(read) if read.to_bits() == value.to_bits() => number,
        _ => json!({"real": value.to_string()}),
    }
}

/// The index of a row's table in the manifest, and its values.
pub(super) fn read(line: &str, tables: &[Table]) -> anyhow::Result<(usize, Row)> {
    let line: Vec<Json> = serde_json::from_str(line).context("this is no row")?;
    let mut values = line.into_iter();
    let Some(Json::String(name)) = values.next() else {
        bail!("a row begins with the name of its table");
    };
    let index = tables.iter().position(|table| table.name == name);
    let index = index.with_context(|| format!("the header has no table {name}"))?;
    let row: Row = values.map(value).collect::<anyhow::Result<_>>()?;
    let columns = tables[index].columns.len();
    if row.len() != columns {
        let count = row.len();
        bail!("a row of {name} has {count} values, and the table {columns} columns");
    }
    Ok((index, row))
}

fn value(json: Json) -> anyhow::Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(value),
        Json::String(text) => Value::Text(text),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, Some(real)) if number.is_f64() => Value::Real(real),
            _ => bail!("{number} does not fit into 64 bits"),
        },
        Json::Object(members) => match members.iter().next() {
            Some((name, Json::String(text))) if name == "blob" => {
                Value::Blob(STANDARD.decode(text).context("a blob is not base64")?)
            }
            Some((name, Json::String(text))) if name == "real" => {
                Value::Real(text.parse().context("a real is not a number")?)
            }
            _ => bail!("an object is {{\"blob\": …}} or {{\"real\": …}}"),
        },
        Json::Array(_) => bail!("an array is no value"),
    })
}

/// Tells on standard error how far a copy is, now and then.
pub(super) struct Progress {
    verb: &'static str,
    total: u64,
    done: u64,
    told: Instant,
    began: Instant,
}

impl Progress {
    /// Of that many rows none is done yet.
    pub(super) fn new(verb: &'static str, tables: &[Table]) -> Progress {
        Progress {
            verb,
            total: tables.iter().map(|table| table.rows).sum(),
            done: 0,
            told: Instant::now(),
            began: Instant::now(),
        }
    }

    /// So many more are done.
    pub(super) fn add(&mut self, rows: usize) {
        self.done += rows as u64;
        if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            self.tell(&format!(
                "{} {} of {} rows",
                self.verb, self.done, self.total
            ));
        }
    }

    /// All are done.
    pub(super) fn end(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        self.tell(&format!(
            "{} {} rows in {seconds:.1} s",
            self.verb, self.done
        ));
    }

    fn tell(&self, line: &str) {
        // Who closed standard error does not want to hear of it.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Vec<Table> {
        vec![Table {
            name: "t".into(),
            columns: vec!["a".into()],
            rows: 1,
            last_id: None,
        }]
    }

    #[test]
    fn every_value_comes_back_as_it_was() {
        let reals = [
            0.1,
            -0.0,
            1.0,
            1e300,
            5e-324,
            f64::MAX,
            f64::INFINITY,
            0.1 + 0.2,
        ];
        let values = [
            Value::Null,
            Value::Boolean(true),
            Value::Integer(i64::MIN),
            Value::Integer(i64::MAX),
            Value::Text("a\"\n\u{1f600}".into()),
            Value::Blob(vec![0, 255]),
        ];
        for value in values.into_iter().chain(reals.map(Value::Real)) {
            let line = write("t", std::slice::from_ref(&value));
            assert!(!line.contains('\n'), "{line}");
            let (index, row) = read(&line, &table()).unwrap();
            assert_eq!((index, &row), (0, &vec![value.clone()]), "{line}");
            if let (Value::Real(before), Value::Real(after)) = (&value, &row[0]) {
                assert_eq!(before.to_bits(), after.to_bits(), "{line}");
            }
        }
        assert_eq!(write("t", &[Value::Real(3.5)]), "[\"t\",3.5]");
        assert_eq!(write("t", &[Value::Real(3.0)]), "[\"t\",3.0]");
        let infinite = write("t", &[Value::Real(f64::INFINITY)]);
        assert_eq!(infinite, "[\"t\",{\"real\":\"inf\"}]");
    }

    #[test]
    fn what_is_no_row_is_told_apart() {
        for (line, words) in [
            ("", "this is no row"),
            ("{}", "this is no row"),
            ("[]", "the name of its table"),
            ("[\"u\",1]", "no table u"),
            ("[\"t\"]", "has 0 values"),
            ("[\"t\",1,2]", "has 2 values"),
            ("[\"t\",[1]]", "an array is no value"),
            ("[\"t\",{\"blob\":\"?\"}]", "not base64"),
            ("[\"t\",{\"else\":1}]", "an object is"),
            ("[\"t\",9223372036854775808]", "does not fit"),
        ] {
            let error = format!("{:#}", read(line, &table()).unwrap_err());
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
