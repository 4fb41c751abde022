//! Converts parameters and results to and from PostgreSQL's binary format.
//!
//! A parameter has the type of its value. For a null, the server infers the type. PostgreSQL returns
//! sums and averages of integers as `numeric`: without decimal places it becomes an integer, with
//! decimal places a real.

use std::error::Error as StdError;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use crate::budget::Meter;
use crate::stop::Stop;
use crate::{Cell, Error, Rows, Value};

/// A parameter for the driver.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

/// Returns the type of a value. `None` if it is null.
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

/// Returns whether a value can be sent if the server expects this type.
pub(super) fn fits(value: &Value, expected: &Type) -> bool {
    match value {
        Value::Null => true,
        Value::Text(_) => [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(expected),
        other => type_of(other).as_ref() == Some(expected),
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
        // `fits` was checked when the statement was chosen.
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

/// The bytes of a cell. `None` if it is null.
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

/// Appends a row to a result.
pub(super) fn push(
    rows: &mut Rows,
    row: &tokio_postgres::Row,
    meter: &mut Meter,
) -> Result<(), Stop> {
    rows.begin_row(row.len(), meter)?;
    for (index, column) in row.columns().iter().enumerate() {
        let Raw(raw) = row
            .try_get(index)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let cell = match raw {
            None => Cell::Null,
            Some(bytes) => {
                cell(column.type_(), bytes, rows, meter).ok_or_else(|| unreadable(column))??
            }
        };
        rows.cells.push(cell);
    }
    Ok(())
}

fn unreadable(column: &tokio_postgres::Column) -> Stop {
    Stop::refused(format!(
        "column {} is a {}; cast it, because a result may only contain integers, reals, texts, \
         booleans and blobs",
        column.name(),
        column.type_().name()
    ))
}

/// Reads a cell. `None` if no value corresponds to its type.
fn cell(
    kind: &Type,
    bytes: &[u8],
    rows: &mut Rows,
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
            let span = rows.append(bytes, meter);
            return Some(span.map(Cell::Text).map_err(Stop::from));
        }
        Type::BYTEA => {
            let span = rows.append(bytes, meter);
            return Some(span.map(Cell::Blob).map_err(Stop::from));
        }
        _ => return None,
    };
    match cell {
        Cell::Real(value) if value.is_nan() => {
            Some(Err(Stop::refused("a real in the result is NaN")))
        }
        cell => Some(Ok(cell)),
    }
}

/// Reads a `numeric`: the number of digits in base 10,000, the power of the first digit, the sign,
/// the number of decimal places, and the digits. `None` if it is too short.
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
        _ => return Some(Err("a number in the result is NaN")),
    };
    let digits: Vec<u16> = (0..count).map(|at| word(4 + at)).collect::<Option<_>>()?;
    if places > 0 {
        // Parsing a text rounds correctly.
        let mut text = String::from(if negative { "-0" } else { "0" });
        for digit in &digits {
            text.push_str(&format!("{digit:04}"));
        }
        let exponent = (weight + 1 - i32::from(word(0)?)) * 4;
        text.push_str(&format!("e{exponent}"));
        return Some(
            text.parse()
                .map(Cell::Real)
                .map_err(|_| "a number in the result cannot be read"),
        );
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
    fn a_numeric_without_decimal_places_is_an_integer() {
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
    fn a_numeric_with_decimal_places_is_a_real() {
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
    fn a_numeric_that_is_nan_is_refused_and_a_short_one_is_unreadable() {
        assert!(matches!(numeric(&encoded(0, 0xc000, 0, &[])), Some(Err(_))));
        assert_eq!(
            numeric(&encoded(0, 0xd000, 0, &[])),
            Some(Ok(Cell::Real(f64::INFINITY)))
        );
        assert_eq!(numeric(&[0, 1]), None);
        assert_eq!(numeric(&encoded(0, 0, 0, &[3])[..8]), None);
    }
}
