//! What both engines require of the logic's statements: their length, and their parameters `$1` to
//! `$2000`, each with a value that every engine can store.
//!
//! The limits bound the time for preparing a statement. An engine reads a text without looking at
//! the deadline, and SQLite compares the name of a parameter with all names before it: with 32 766
//! parameters that took five seconds, with 2000 it takes 20 ms. A statement of the greatest length
//! that repeats the last of 2000 parameters takes half a second.

use crate::Value;
use crate::stop::Stop;

/// The highest parameter number.
pub(crate) const MAX_PARAMETER: u16 = 2000;

/// Maximum length of a statement, in bytes.
const MAX_LENGTH: usize = 256 << 10;

/// Maximum length of a migration, in bytes.
pub(crate) const MAX_MIGRATION_LENGTH: usize = 1 << 20;

/// Maximum length of a statement that is cached, in bytes. The logic rarely repeats a longer one,
/// and preparing it costs memory in proportion.
pub(crate) const MAX_CACHED_LENGTH: usize = 8 << 10;

/// Why a statement with more parameters is refused.
pub(crate) fn too_many_parameters() -> String {
    format!(
        "a statement has at most {MAX_PARAMETER} parameters; pass a long list as one JSON text, or \
         run the statement for parts of it"
    )
}

/// Checks the length of a statement.
///
/// # Errors
/// Returns the logic's fault if the statement is too long.
pub(crate) fn length(text: &str) -> Result<(), Stop> {
    match text.len() {
        0..=MAX_LENGTH => Ok(()),
        length => Err(Stop::refused(format!(
            "the statement has {length} bytes, more than {MAX_LENGTH}; pass values as parameters"
        ))),
    }
}

/// Checks the length of a migration.
///
/// # Errors
/// Returns the logic's fault if the migration is too long.
pub(crate) fn migration_length(text: &str) -> Result<(), Stop> {
    match text.len() {
        0..=MAX_MIGRATION_LENGTH => Ok(()),
        length => Err(Stop::refused(format!(
            "the migration has {length} bytes, more than {MAX_MIGRATION_LENGTH}; divide it into \
             several"
        ))),
    }
}

/// Reads the digits after a `$`.
///
/// # Errors
/// Returns why they are not a number from 1 to [`MAX_PARAMETER`] without leading zeros.
pub(crate) fn number(digits: &str) -> Result<u16, String> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if digits.is_empty() || !plain {
        return Err(not_a_parameter(&format!("${digits}")));
    }
    let number = digits.parse().ok();
    number
        .filter(|number| (1..=MAX_PARAMETER).contains(number))
        .ok_or_else(|| format!("${digits} is too high: {}", too_many_parameters()))
}

/// Says that a parameter is not written as the logic must write it.
pub(crate) fn not_a_parameter(text: &str) -> String {
    format!("{text} is not a parameter; write $1, $2 and so on")
}

/// Returns the value of a parameter, counted from 1.
///
/// # Errors
/// Returns the logic's fault if the value is missing or no engine can store it.
pub(crate) fn value(params: &[Value], number: u16) -> Result<&Value, Stop> {
    let Some(value) = params.get(usize::from(number) - 1) else {
        return Err(Stop::refused(format!(
            "the statement uses ${number} but has {} parameters",
            params.len()
        )));
    };
    match value {
        Value::Text(text) if text.contains('\0') => {
            Err(Stop::refused(format!("${number} contains U+0000")))
        }
        Value::Real(real) if real.is_nan() => Err(Stop::refused(format!("${number} is NaN"))),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_no_sign_and_no_leading_zero_and_a_maximum() {
        assert_eq!(number("1"), Ok(1));
        assert_eq!(number("2000"), Ok(2000));
        for digits in ["", "0", "01", "+1", "x", "1::x"] {
            let reason = number(digits).unwrap_err();
            assert!(reason.ends_with("write $1, $2 and so on"), "{reason}");
        }
        for digits in ["2001", "32766", "99999999"] {
            let reason = number(digits).unwrap_err();
            assert!(reason.contains("at most 2000 parameters"), "{reason}");
        }
    }
}
