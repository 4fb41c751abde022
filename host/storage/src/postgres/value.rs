//! How parameters and results cross, in PostgreSQL's binary form.
//!
//! A parameter has the type of its value; a null has the one that the server infers. A `numeric`
//! is what PostgreSQL makes of sums and averages of integers: without decimal places it is an
//! integer here, with them a real.

use std::error::Error as StdError;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use crate::budget::Meter;
use crate::stop::Stop;
use crate::{Cell, Error, Limit, Rows, Span, Value};

/// A parameter on its way.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

/// The type that a value has by itself; none: it is null.
pub(super) fn type_of(value: &Value) -> Option<Type> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(_) => Type::BOOL,
        Value::Integer(_) => Type::INT8,
        Value::Real(_) => Type::FLOAT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
    })
}

/// Whether a value can be sent where the server expects that type.
pub(super) fn fits(value: &Value, expected: &Type) -> bool {
    match value {
        Value::Null => true,
        Value::Text(_) => [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(expected),
        other => type_of(other).as_ref() == Some(expected),
    }
}

/// Why a value cannot be a parameter on any engine.
pub(super) fn unfit(value: &Value) -> Option<&'static str> {
    match value {
        Value::Text(text) if text.contains('\0') => Some("contains U+0000"),
        Value::Real(real) if real.is_nan() => Some("is not a number"),
        _ => None,
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Boolean(value) => out.extend_from_slice(&[(*value).into()]),
            Value::Integer(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Real(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Blob(bytes) => out.extend_from_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // `fits` was asked when the statement was chosen.
        true
    }

    fn to_sql_checked(
        &self,
        expected: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(expected, out)
    }
}

/// A cell as it came.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Copies a row to a result.
pub(super) fn push(
    rows: &mut Rows,
    row: &tokio_postgres::Row,
    meter: &mut Meter,
) -> Result<(), Stop> {
    meter.row()?;
    rows.cells.reserve(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        let Raw(raw) = row
            .try_get(index)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let cell = match raw {
            None => Cell::Null,
            Some(bytes) => cell(column.type_(), bytes, &mut rows.heap, meter)
                .ok_or_else(|| unreadable(column))??,
        };
        rows.cells.push(cell);
    }
    Ok(())
}

fn unreadable(column: &tokio_postgres::Column) -> Stop {
    Stop::refused(format!(
        "column {} is a {}, and results are integers, reals, texts, booleans and blobs: cast it",
        column.name(),
        column.type_().name()
    ))
}

/// Reads a cell; none: its type has no place among the values.
fn cell(
    kind: &Type,
    bytes: &[u8],
    heap: &mut Vec<u8>,
    meter: &mut Meter,
) -> Option<Result<Cell, Stop>> {
    let cell = match *kind {
        Type::BOOL => Cell::Boolean(bytes != [0]),
        Type::INT2 => Cell::Integer(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT4 => Cell::Integer(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT8 => Cell::Integer(i64::from_be_bytes(bytes.try_into().ok()?)),
        Type::FLOAT4 => Cell::Real(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::FLOAT8 => Cell::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        Type::NUMERIC => match numeric(bytes)? {
            Ok(cell) => cell,
            Err(reason) => return Some(Err(Stop::refused(reason))),
        },
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
            return Some(keep(heap, bytes, meter).map(Cell::Text).map_err(Stop::from));
        }
        Type::BYTEA => {
            return Some(keep(heap, bytes, meter).map(Cell::Blob).map_err(Stop::from));
        }
        _ => return None,
    };
    match cell {
        Cell::Real(value) if value.is_nan() => {
            Some(Err(Stop::refused("a real in the result is not a number")))
        }
        cell => Some(Ok(cell)),
    }
}

/// Reads a `numeric`: digits to the base of 10,000, the first one's power of it, the sign, and
/// the number of decimal places.
fn numeric(bytes: &[u8]) -> Option<Result<Cell, &'static str>> {
    let word = |index: usize| {
        let bytes = bytes.get(index * 2..index * 2 + 2)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    };
    let (count, sign, places) = (usize::from(word(0)?), word(2)?, word(3)?);
    let weight = i32::from(word(1)?.cast_signed());
    let negative = match sign {
        0x0000 => false,
        0x4000 => true,
        0xd000 => return Some(Ok(Cell::Real(f64::INFINITY))),
        0xf000 => return Some(Ok(Cell::Real(f64::NEG_INFINITY))),
        _ => return Some(Err("a number in the result is not a number")),
    };
    let digits: Vec<u16> = (0..count).map(|at| word(4 + at)).collect::<Option<_>>()?;
    if places > 0 {
        // Through text, which rounds as exactly as can be.
        let mut text = String::from(if negative { "-0" } else { "0" });
        for digit in &digits {
            text.push_str(&format!("{digit:04}"));
        }
        let exponent = (weight + 1 - i32::from(word(0)?)) * 4;
        text.push_str(&format!("e{exponent}"));
        return Some(text.parse().map(Cell::Real).map_err(|_| "no number"));
    }
    let mut value: i64 = 0;
    for at in 0..=weight.max(-1) {
        let digit = digits.get(usize::try_from(at).ok()?).copied().unwrap_or(0);
        let digit = i64::from(digit) * if negative { -1 } else { 1 };
        let next = value.checked_mul(10_000).and_then(|v| v.checked_add(digit));
        match next {
            Some(next) => value = next,
            None => return Some(Err("integer overflow")),
        }
    }
    Some(Ok(Cell::Integer(value)))
}

fn keep(heap: &mut Vec<u8>, bytes: &[u8], meter: &mut Meter) -> Result<Span, Error> {
    meter.bytes(bytes.len())?;
    Span::append(heap, bytes).ok_or(Error::Limit(Limit::Bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(weight: i16, sign: u16, places: u16, digits: &[u16]) -> Vec<u8> {
        let mut bytes = (digits.len() as u16).to_be_bytes().to_vec();
        bytes.extend(weight.to_be_bytes());
        bytes.extend(sign.to_be_bytes());
        bytes.extend(places.to_be_bytes());
        for digit in digits {
            bytes.extend(digit.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn a_numeric_without_places_is_an_integer() {
        for (bytes, value) in [
            (encoded(0, 0, 0, &[]), 0),
            (encoded(0, 0, 0, &[3]), 3),
            (encoded(1, 0x4000, 0, &[1, 5]), -10_005),
            (encoded(2, 0, 0, &[1]), 100_000_000),
            (encoded(4, 0, 0, &[922, 3372, 368, 5477, 5807]), i64::MAX),
            (
                encoded(4, 0x4000, 0, &[922, 3372, 368, 5477, 5808]),
                i64::MIN,
            ),
        ] {
            assert_eq!(numeric(&bytes), Some(Ok(Cell::Integer(value))));
        }
        let beyond = encoded(4, 0, 0, &[922, 3372, 368, 5477, 5808]);
        assert_eq!(numeric(&beyond), Some(Err("integer overflow")));
    }

    #[test]
    fn a_numeric_with_places_is_a_real() {
        for (bytes, value) in [
            (encoded(0, 0, 16, &[1, 5000]), 1.5),
            (encoded(0, 0, 16, &[2]), 2.0),
            (encoded(-1, 0x4000, 2, &[2500]), -0.25),
            (encoded(-2, 0, 8, &[1]), 1e-8),
            (encoded(0, 0, 1, &[]), 0.0),
            (encoded(1, 0, 1, &[12, 3456, 7000]), 123_456.7),
        ] {
            assert_eq!(numeric(&bytes), Some(Ok(Cell::Real(value))));
        }
    }

    #[test]
    fn what_is_no_number_is_refused_and_what_is_short_unreadable() {
        assert!(matches!(numeric(&encoded(0, 0xc000, 0, &[])), Some(Err(_))));
        assert_eq!(
            numeric(&encoded(0, 0xd000, 0, &[])),
            Some(Ok(Cell::Real(f64::INFINITY)))
        );
        assert_eq!(numeric(&[0, 1]), None);
        assert_eq!(numeric(&encoded(0, 0, 0, &[3])[..8]), None);
    }
}
