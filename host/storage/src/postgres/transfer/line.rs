//! A row as a line of COPY's text format, which the server reads into whatever type a column has.

use super::{Column, Kind};
use crate::Value;

/// Adds the line of a row.
///
/// # Errors
/// Why a value does not fit its column.
pub(super) fn write(out: &mut Vec<u8>, row: &[Value], columns: &[Column]) -> Result<(), String> {
    for (index, (value, column)) in row.iter().zip(columns).enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        cell(out, value, column.kind)
            .map_err(|reason| format!("{} is {}, and {reason}", column.name, column.type_name))?;
    }
    out.push(b'\n');
    Ok(())
}

fn cell(out: &mut Vec<u8>, value: &Value, kind: Kind) -> Result<(), &'static str> {
    match (value, kind) {
        (Value::Null, _) => out.extend_from_slice(b"\\N"),
        // A boolean is a number on the other engine, and a whole real may have become one.
        (Value::Boolean(value), Kind::Boolean | Kind::Integer) => out.push(b'0' + u8::from(*value)),
        (Value::Integer(0 | 1), Kind::Boolean)
        | (Value::Integer(_), Kind::Integer | Kind::Real | Kind::Decimal) => display(out, value),
        (Value::Real(_), Kind::Real | Kind::Decimal) => display(out, value),
        (Value::Text(text), Kind::Text | Kind::Decimal | Kind::Moment | Kind::Other) => {
            escape(out, text)?;
        }
        (Value::Blob(bytes), Kind::Blob) => {
            out.extend_from_slice(b"\\\\x");
            for byte in bytes {
                out.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
        (Value::Boolean(_), _) => return Err("the row has a boolean"),
        (Value::Integer(_), _) => return Err("the row has an integer"),
        (Value::Real(_), _) => return Err("the row has a real"),
        (Value::Text(_), _) => return Err("the row has a text"),
        (Value::Blob(_), _) => return Err("the row has a blob"),
    }
    Ok(())
}

fn display(out: &mut Vec<u8>, value: &Value) {
    let text = match value {
        Value::Integer(value) => value.to_string(),
        // The shortest text that reads back as the same number.
        Value::Real(value) => value.to_string(),
        _ => return,
    };
    out.extend_from_slice(text.as_bytes());
}

fn escape(out: &mut Vec<u8>, text: &str) -> Result<(), &'static str> {
    for byte in text.bytes() {
        match byte {
            0 => return Err("its text contains U+0000"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => out.push(byte),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: Value, kind: Kind) -> Result<String, String> {
        let column = Column {
            name: "c".into(),
            kind,
            type_name: "t".into(),
        };
        let mut out = Vec::new();
        write(&mut out, &[value], &[column])?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_are_written_as_copy_reads_them() {
        let text = |text: &str| Value::Text(text.into());
        for (value, kind, written) in [
            (Value::Null, Kind::Blob, "\\N\n"),
            (Value::Integer(1), Kind::Boolean, "1\n"),
            (Value::Boolean(true), Kind::Integer, "1\n"),
            (
                Value::Integer(i64::MIN),
                Kind::Integer,
                "-9223372036854775808\n",
            ),
            (Value::Integer(3), Kind::Real, "3\n"),
            (Value::Real(0.1), Kind::Real, "0.1\n"),
            (Value::Real(f64::NEG_INFINITY), Kind::Real, "-inf\n"),
            (text("1.50"), Kind::Decimal, "1.50\n"),
            (text("a\\N\t\r\nb"), Kind::Text, "a\\\\N\\t\\r\\nb\n"),
            (
                text("2026-11-21T07:00:00Z"),
                Kind::Moment,
                "2026-11-21T07:00:00Z\n",
            ),
            (Value::Blob(vec![0, 255]), Kind::Blob, "\\\\x00ff\n"),
        ] {
            assert_eq!(line(value, kind), Ok(written.into()));
        }
    }

    #[test]
    fn what_does_not_fit_a_column_is_refused() {
        for (value, kind, reason) in [
            (
                Value::Integer(2),
                Kind::Boolean,
                "c is t, and the row has an integer",
            ),
            (
                Value::Real(1.0),
                Kind::Integer,
                "c is t, and the row has a real",
            ),
            (
                Value::Text("\\x00".into()),
                Kind::Blob,
                "c is t, and the row has a text",
            ),
            (
                Value::Blob(vec![0]),
                Kind::Text,
                "c is t, and the row has a blob",
            ),
            (
                Value::Text("a\0".into()),
                Kind::Text,
                "c is t, and its text contains U+0000",
            ),
        ] {
            assert_eq!(line(value, kind), Err(reason.into()));
        }
    }
}
