//! Values in a recording. Each survives exactly, also in tools that keep every number as a double.
//!
//! | value | JSON |
//! | --- | --- |
//! | null | `null` |
//! | boolean | `true` |
//! | integer | `7`; beyond 2^53 `{"integer": "9007199254740993"}` |
//! | real | `{"real": "0.5"}`, also `NaN`, `inf`, `-inf` and `-0.0` |
//! | text, decimals of PostgreSQL included | `"text"` |
//! | blob | `{"blob": "AP8Q"}` in base64 |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use storage::{Cell, Rows, Span, Value};

/// The largest integer up to which every tool keeps integers: 2^53.
const SAFE: u64 = 1 << 53;

/// A value of a statement: a parameter, or a cell of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Typed {
    /// SQL NULL.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer that every tool keeps.
    Integer(i64),
    /// A text.
    Text(String),
    /// Another value.
    Tagged(Tagged),
}

/// A value that JSON has no form of its own for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tagged {
    /// A large integer, in decimal.
    Integer(String),
    /// A number, as Rust writes it.
    Real(String),
    /// Bytes in base64.
    Blob(String),
}

/// Rows of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cells {
    /// The number of columns.
    pub width: u32,
    /// The cells, row by row.
    pub rows: Vec<Vec<Typed>>,
}

/// A text, or bytes that are none: of a body, which is JSON as a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Base64 {
        /// The bytes.
        base64: String,
    },
}

impl From<&Value> for Typed {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Typed::Null,
            Value::Boolean(value) => Typed::Boolean(*value),
            Value::Integer(value) => integer(*value),
            Value::Real(value) => real(*value),
            Value::Text(text) => Typed::Text(text.clone()),
            Value::Blob(bytes) => blob(bytes),
        }
    }
}

fn integer(value: i64) -> Typed {
    match value.unsigned_abs() <= SAFE {
        true => Typed::Integer(value),
        false => Typed::Tagged(Tagged::Integer(value.to_string())),
    }
}

fn real(value: f64) -> Typed {
    Typed::Tagged(Tagged::Real(format!("{value:?}")))
}

fn blob(bytes: &[u8]) -> Typed {
    Typed::Tagged(Tagged::Blob(STANDARD.encode(bytes)))
}

impl From<&Rows> for Cells {
    fn from(rows: &Rows) -> Self {
        let bytes = |span: Span| &rows.heap[span.start as usize..][..span.len as usize];
        let typed = |cell: &Cell| match *cell {
            Cell::Null => Typed::Null,
            Cell::Boolean(value) => Typed::Boolean(value),
            Cell::Integer(value) => integer(value),
            Cell::Real(value) => real(value),
            Cell::Text(span) => Typed::Text(String::from_utf8_lossy(bytes(span)).into_owned()),
            Cell::Blob(span) => blob(bytes(span)),
        };
        let width = rows.width.max(1) as usize;
        let by_row = rows.cells.chunks(width);
        Cells {
            width: rows.width,
            rows: by_row.map(|row| row.iter().map(typed).collect()).collect(),
        }
    }
}

impl From<&Cells> for Rows {
    /// Cells of a kind that cannot be read are null: nobody but a person with an editor makes them.
    fn from(cells: &Cells) -> Self {
        let mut rows = Rows {
            width: cells.width,
            ..Rows::default()
        };
        let mut heap = Vec::new();
        let mut span = |bytes: &[u8]| {
            let start = u32::try_from(heap.len()).unwrap_or(u32::MAX);
            heap.extend_from_slice(bytes);
            Span {
                start,
                len: u32::try_from(bytes.len()).unwrap_or(0),
            }
        };
        for cell in cells.rows.iter().flatten() {
            let value = Value::from(cell);
            rows.cells.push(match value {
                Value::Null => Cell::Null,
                Value::Boolean(value) => Cell::Boolean(value),
                Value::Integer(value) => Cell::Integer(value),
                Value::Real(value) => Cell::Real(value),
                Value::Text(text) => Cell::Text(span(text.as_bytes())),
                Value::Blob(bytes) => Cell::Blob(span(&bytes)),
            });
        }
        rows.heap = heap;
        rows
    }
}

impl From<&Typed> for Value {
    fn from(typed: &Typed) -> Self {
        match typed {
            Typed::Null => Value::Null,
            Typed::Boolean(value) => Value::Boolean(*value),
            Typed::Integer(value) => Value::Integer(*value),
            Typed::Text(text) => Value::Text(text.clone()),
            Typed::Tagged(Tagged::Integer(text)) => {
                text.parse().map_or(Value::Null, Value::Integer)
            }
            Typed::Tagged(Tagged::Real(text)) => text.parse().map_or(Value::Null, Value::Real),
            Typed::Tagged(Tagged::Blob(text)) => {
                STANDARD.decode(text).map_or(Value::Null, Value::Blob)
            }
        }
    }
}

impl Typed {
    /// The value for people, as SQL has it.
    pub fn shown(&self) -> String {
        match self {
            Typed::Null => "NULL".to_owned(),
            Typed::Boolean(value) => value.to_string(),
            Typed::Integer(value) => value.to_string(),
            Typed::Text(text) => format!("'{text}'"),
            Typed::Tagged(Tagged::Integer(text) | Tagged::Real(text)) => text.clone(),
            Typed::Tagged(Tagged::Blob(text)) => format!("base64 {text}"),
        }
    }
}

impl Text {
    /// The text of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Text::Text(text.to_owned()),
            Err(_) => Text::Base64 {
                base64: STANDARD.encode(bytes),
            },
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Text::Text(text) => text.as_bytes().to_vec(),
            Text::Base64 { base64 } => STANDARD.decode(base64).unwrap_or_default(),
        }
    }

    /// The JSON value, or the text itself if it is not JSON.
    pub fn value(&self) -> serde_json::Value {
        match self {
            Text::Text(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
            Text::Base64 { base64 } => base64.as_str().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value that a document's reader gets.
    fn survives(value: &Value) -> Value {
        let json = serde_json::to_string(&Typed::from(value)).unwrap();
        // A tool that keeps every number as a double.
        if let Ok(number) = json.parse::<f64>() {
            assert_eq!(number.to_string(), json, "a double keeps it");
        }
        let typed: Typed = serde_json::from_str(&json).unwrap();
        Value::from(&typed)
    }

    #[test]
    fn every_value_survives_to_the_bit() {
        for value in [
            Value::Null,
            Value::Boolean(true),
            Value::Boolean(false),
            Value::Integer(0),
            Value::Integer(-1),
            Value::Integer(1 << 53),
            Value::Integer((1 << 53) + 1),
            Value::Integer(-(1 << 53) - 1),
            Value::Integer(i64::MAX),
            Value::Integer(i64::MIN),
            Value::Text(String::new()),
            Value::Text("null".into()),
            Value::Text("{\"real\": \"1\"}".into()),
            Value::Text("12345678901234567890.123456789".into()),
            Value::Text("quotes \" and \\ and \u{1} and ✓".into()),
            Value::Blob(Vec::new()),
            Value::Blob((0..=255).collect()),
        ] {
            assert_eq!(survives(&value), value);
        }
        for number in [
            0.0,
            -0.0,
            0.1,
            1.0,
            1e300,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::MAX,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            let Value::Real(read) = survives(&Value::Real(number)) else {
                panic!("{number} is another type now");
            };
            assert_eq!(read.to_bits(), number.to_bits(), "{number}");
        }
        let not_a_number = survives(&Value::Real(f64::NAN));
        assert!(matches!(not_a_number, Value::Real(read) if read.is_nan()));
    }

    #[test]
    fn rows_survive_with_their_width_also_if_there_are_none() {
        let span = |start, len| Span { start, len };
        for rows in [
            Rows {
                width: 3,
                ..Rows::default()
            },
            Rows {
                width: 2,
                cells: vec![
                    Cell::Text(span(0, 2)),
                    Cell::Null,
                    Cell::Blob(span(2, 1)),
                    Cell::Integer(i64::MAX),
                ],
                heap: b"abc".to_vec(),
            },
        ] {
            let json = serde_json::to_string(&Cells::from(&rows)).unwrap();
            let cells: Cells = serde_json::from_str(&json).unwrap();
            assert_eq!(Rows::from(&cells), rows);
        }
    }

    #[test]
    fn a_body_survives_whether_it_is_text_or_not() {
        for bytes in [&b"{\"a\": 1.0}"[..], b"", b"\xff\x00", "é".as_bytes()] {
            let json = serde_json::to_string(&Text::of(bytes)).unwrap();
            let text: Text = serde_json::from_str(&json).unwrap();
            assert_eq!(text.bytes(), bytes);
        }
    }
}
