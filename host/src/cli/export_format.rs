//! The format that `export` writes and `import` reads: JSON Lines.
//!
//! The first line is a JSON object, the [`Header`]. Each further line is a row: an array of the
//! table's name and a value for each column, in the order of the header.
//!
//! | value | JSON |
//! | --- | --- |
//! | null, boolean, text | null, true or false, string |
//! | integer | number without fraction and exponent |
//! | real | number with a fraction or an exponent; `{"real": "…"}` if a number would not be exact |
//! | blob | `{"blob": "…"}`, base64 |

use std::fmt;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use storage::transfer::{Applied, Manifest, Row, Table};
use storage::{Dialect, Value};

/// The version of the format.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// The version of the format, [`FORMAT`].
    task_host_export: u32,
    /// The version of the program that wrote the export.
    host_version: String,
    /// The time of the export, in RFC 3339.
    exported_at: String,
    /// The engine that the data comes from: `sqlite` or `postgres`.
    dialect: String,
    /// The migrations that were applied, in order.
    migrations: Vec<AppliedMigration>,
    /// The tables, in the order of their rows in the export.
    tables: Vec<TableSchema>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AppliedMigration {
    name: String,
    /// SHA-256 of the migration's text for the engine, in hex.
    checksum: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableSchema {
    name: String,
    columns: Vec<String>,
    rows: u64,
    /// The highest id that the table has assigned, if it assigns ids.
    last_id: Option<i64>,
}

impl Header {
    /// Creates the header of an export that begins now.
    pub(super) fn new(manifest: &Manifest) -> Header {
        let migration = |migration: &Applied| AppliedMigration {
            name: migration.name.clone(),
            checksum: hex::encode(migration.checksum),
        };
        let table = |table: &Table| TableSchema {
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
            migrations: manifest.migrations.iter().map(migration).collect(),
            tables: manifest.tables.iter().map(table).collect(),
        }
    }

    /// Converts the header into the manifest that the storage expects.
    ///
    /// # Errors
    /// The export has another version of the format, or a value is not valid.
    pub(super) fn into_manifest(self) -> anyhow::Result<Manifest> {
        if self.task_host_export != FORMAT {
            bail!(
                "the export has format version {}, but this program reads version {FORMAT}",
                self.task_host_export
            );
        }
        let migration = |migration: AppliedMigration| {
            let checksum = checksum(&migration.checksum)
                .with_context(|| format!("the checksum of {} is not SHA-256", migration.name))?;
            let name = migration.name;
            anyhow::Ok(Applied { name, checksum })
        };
        let table = |table: TableSchema| Table {
            name: table.name,
            columns: table.columns,
            rows: table.rows,
            last_id: table.last_id,
        };
        Ok(Manifest {
            dialect: match self.dialect.as_str() {
                "sqlite" => Dialect::Sqlite,
                "postgres" => Dialect::Postgres,
                other => bail!("unknown database engine {other}"),
            },
            migrations: self
                .migrations
                .into_iter()
                .map(migration)
                .collect::<Result<_, _>>()?,
            tables: self.tables.into_iter().map(table).collect(),
        })
    }
}

fn checksum(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// Returns a row as a line, without the line feed.
pub(super) fn write_row(table: &str, row: &[Value]) -> String {
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
    // JSON has no infinity, and a reader may round a long fraction differently.
    match serde_json::from_str::<f64>(&number.to_string()) {
        Ok(read) if read.to_bits() == value.to_bits() => number,
        _ => json!({"real": value.to_string()}),
    }
}

/// Reads a line. Returns the index of the row's table in `tables`, and the row.
///
/// # Errors
/// The line is not a row, or the row does not have one value for each column of its table.
pub(super) fn read_row(line: &str, tables: &[Table]) -> anyhow::Result<(usize, Row)> {
    let mut json = serde_json::Deserializer::from_str(line);
    let (index, row) = json
        .deserialize_seq(RowVisitor(tables))
        .context("this is not a row")?;
    json.end().context("this is not a row")?;
    let Table { name, columns, .. } = &tables[index];
    if row.len() != columns.len() {
        let (count, columns) = (row.len(), columns.len());
        bail!("a row of {name} has {count} values, but the table has {columns} columns");
    }
    Ok((index, row))
}

/// Reads a row straight from its text: an import has tens of millions of them.
struct RowVisitor<'a>(&'a [Table]);

impl<'de> Visitor<'de> for RowVisitor<'_> {
    type Value = (usize, Row);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array that begins with the name of a table")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<Self::Value, A::Error> {
        let Some(index) = cells.next_element_seed(TableName(self.0))? else {
            return Err(A::Error::custom(
                "a row must begin with the name of its table",
            ));
        };
        let mut row = Row::with_capacity(self.0[index].columns.len());
        while let Some(cell) = cells.next_element_seed(Cell)? {
            row.push(cell);
        }
        Ok((index, row))
    }
}

/// Reads the name of a table as its index.
struct TableName<'a>(&'a [Table]);

impl<'de> DeserializeSeed<'de> for TableName<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for TableName<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a table")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<usize, E> {
        let index = self.0.iter().position(|table| table.name == name);
        index.ok_or_else(|| E::custom(format_args!("the header has no table {name}")))
    }
}

/// Reads one value.
struct Cell;

impl<'de> DeserializeSeed<'de> for Cell {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value: an array is not a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        let integer = i64::try_from(value).map(Value::Integer);
        integer.map_err(|_| E::custom(format_args!("{value} does not fit into 64 bits")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Real(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let wrong = || A::Error::custom("an object must be {\"blob\": …} or {\"real\": …}");
        let name: String = members.next_key()?.ok_or_else(wrong)?;
        let value = match name.as_str() {
            "blob" => {
                let bytes = STANDARD.decode(members.next_value::<String>()?);
                Value::Blob(bytes.map_err(|_| A::Error::custom("a blob is not base64"))?)
            }
            "real" => {
                let real = members.next_value::<String>()?.parse();
                Value::Real(real.map_err(|_| A::Error::custom("a real is not a number"))?)
            }
            _ => return Err(wrong()),
        };
        match members.next_key::<String>()? {
            None => Ok(value),
            Some(_) => Err(wrong()),
        }
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
    fn every_value_is_read_back_exactly() {
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
            let line = write_row("t", std::slice::from_ref(&value));
            assert!(!line.contains('\n'), "{line}");
            let (index, row) = read_row(&line, &table()).unwrap();
            assert_eq!((index, &row), (0, &vec![value.clone()]), "{line}");
            if let (Value::Real(before), Value::Real(after)) = (&value, &row[0]) {
                assert_eq!(before.to_bits(), after.to_bits(), "{line}");
            }
        }
        assert_eq!(write_row("t", &[Value::Real(3.5)]), "[\"t\",3.5]");
        assert_eq!(write_row("t", &[Value::Real(3.0)]), "[\"t\",3.0]");
        let infinite = write_row("t", &[Value::Real(f64::INFINITY)]);
        assert_eq!(infinite, "[\"t\",{\"real\":\"inf\"}]");
    }

    #[test]
    fn a_line_that_is_not_a_row_is_an_error() {
        for (line, words) in [
            ("", "this is not a row"),
            ("{}", "this is not a row"),
            ("[]", "the name of its table"),
            ("[\"u\",1]", "no table u"),
            ("[\"t\"]", "has 0 values"),
            ("[\"t\",1,2]", "has 2 values"),
            ("[\"t\",[1]]", "an array is not a value"),
            ("[\"t\",{\"blob\":\"?\"}]", "not base64"),
            ("[\"t\",{\"else\":1}]", "an object must be"),
            ("[\"t\",9223372036854775808]", "does not fit"),
        ] {
            let error = format!("{:#}", read_row(line, &table()).unwrap_err());
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
