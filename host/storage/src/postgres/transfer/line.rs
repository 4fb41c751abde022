//! Writes a row as a line of COPY's text format, which the server converts to the column's type.

use super::{Column, Kind};
use crate::Value;

/// Appends the line of a row.
///
/// # Errors
/// Returns why a value does not fit its column.
pub(super) fn write(out: &mut Vec<u8>, row: &[Value], columns: &[Column]) -> Result<(), String> {
    for (index, (value, column)) in row.iter().zip(columns).enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        cell(out, value, column.kind).map_err(|reason| {
            format!(
                "the type of {} is {}, but {reason}",
                column.name, column.type_name
            )
        })?;
    }
    out.push(b'\n');
    Ok(())
}

fn cell(out: &mut Vec<u8>, value: &Value, kind: Kind) -> Result<(), &'static str> {
    match (value, kind) {
        (Value::Null, _) => out.extend_from_slice(b"\\N"),
        // In SQLite a boolean is an integer, and a real without a fraction may be one.
        (Value::Boolean(value), Kind::Boolean | Kind::Integer) => out.push(b'0' + u8::from(*value)),
        (Value::Integer(0 | 1), Kind::Boolean)
        | (Value::Integer(_), Kind::Integer | Kind::Real | Kind::Decimal) => display(out, value),
        (Value::Real(_), Kind::Real | Kind::Decimal) => display(out, value),
        (Value::Text(text), Kind::Text | Kind::Decimal | Kind::DateTime | Kind::Other) => {
            escape(out, text)?;
        }
        (Value::Blob(bytes), Kind::Blob) => {
            out.extend_from_slice(b"\\\\x");
            out.extend_from_slice(hex::encode(bytes).as_bytes());
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
        // The shortest text that is read as the same number.
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
                Kind::DateTime,
                "2026-11-21T07:00:00Z\n",
            ),
            (Value::Blob(vec![0, 255]), Kind::Blob, "\\\\x00ff\n"),
        ] {
            assert_eq!(line(value, kind), Ok(written.into()));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_its_column_is_refused() {
        for (value, kind, reason) in [
            (
                Value::Integer(2),
                Kind::Boolean,
                "the type of c is t, but the row has an integer",
            ),
            (
                Value::Real(1.0),
                Kind::Integer,
                "the type of c is t, but the row has a real",
            ),
            (
                Value::Text("\\x00".into()),
                Kind::Blob,
                "the type of c is t, but the row has a text",
            ),
            (
                Value::Blob(vec![0]),
                Kind::Text,
                "the type of c is t, but the row has a blob",
            ),
            (
                Value::Text("a\0".into()),
                Kind::Text,
                "the type of c is t, but its text contains U+0000",
            ),
        ] {
            assert_eq!(line(value, kind), Err(reason.into()));
        }
    }
}
