//! Converts JSON numbers to WIT numbers, exactly or not at all.
//!
//! An integer may be written as `1`, `1.0` or `1e2`. It is computed from its decimal digits and
//! never from a float, which would round integers beyond 2^53.

use wasmtime::component::Val;

use super::types::Type;

/// Converts a JSON number to a value of a numeric type. No number fits any other type.
///
/// # Errors
/// Returns what is wrong, as the end of a sentence about the value.
pub(super) fn read(ty: &Type, number: &str) -> Result<Val, String> {
    match ty {
        Type::F32 => match number.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(Val::Float32(value)),
            _ => Err("is outside the range of a 32-bit float".to_owned()),
        },
        Type::F64 => match number.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Val::Float64(value)),
            _ => Err("is outside the range of a 64-bit float".to_owned()),
        },
        _ => {
            let Some(range) = ty.integer_range() else {
                return Err("must not be a number".to_owned());
            };
            let out_of_range = || format!("must be from {} to {}", range.start(), range.end());
            match integer(number) {
                Ok(value) => typed(ty, value).ok_or_else(out_of_range),
                Err(NotAnInteger::Fraction) => Err("must be an integer".to_owned()),
                Err(NotAnInteger::TooLarge) => Err(out_of_range()),
            }
        }
    }
}

enum NotAnInteger {
    Fraction,
    TooLarge,
}

fn typed(ty: &Type, value: i128) -> Option<Val> {
    match ty {
        Type::U8 => value.try_into().ok().map(Val::U8),
        Type::U16 => value.try_into().ok().map(Val::U16),
        Type::U32 => value.try_into().ok().map(Val::U32),
        Type::U64 => value.try_into().ok().map(Val::U64),
        Type::S8 => value.try_into().ok().map(Val::S8),
        Type::S16 => value.try_into().ok().map(Val::S16),
        Type::S32 => value.try_into().ok().map(Val::S32),
        Type::S64 => value.try_into().ok().map(Val::S64),
        _ => None,
    }
}

/// Returns the exact value of a JSON number if it is an integer of at most 20 digits.
fn integer(number: &str) -> Result<i128, NotAnInteger> {
    if let Ok(plain) = number.parse::<i64>() {
        return Ok(plain.into());
    }
    let (negative, unsigned) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        // An exponent that is too large for an i64 saturates, depending on its sign.
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.parse().unwrap_or(if exponent.starts_with('-') {
                i64::MIN
            } else {
                i64::MAX
            }),
        ),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let trailing_zeros = digits.len() - significant.len();
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let exponent = exponent
        .saturating_sub_unsigned(fraction.len() as u64)
        .saturating_add_unsigned(trailing_zeros as u64);
    if exponent < 0 {
        return Err(NotAnInteger::Fraction);
    }
    if exponent.saturating_add_unsigned(significant.len() as u64) > 20 {
        return Err(NotAnInteger::TooLarge);
    }
    let zeros = "0".repeat(exponent.try_into().unwrap_or(0));
    let value = format!("{significant}{zeros}").parse::<i128>();
    let value = value.map_err(|_| NotAnInteger::TooLarge)?;
    Ok(if negative { -value } else { value })
}
