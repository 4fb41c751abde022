//! The parameters of the logic's statements, where both engines have the same rules: `$1` to
//! `$32766`, each with a value that every engine can store.

use crate::Value;
use crate::stop::Stop;

/// The highest parameter number.
pub(crate) const MAX_NUMBER: u16 = 32_766;

/// Reads the digits after a `$`. `None` if they are not a number from 1 to [`MAX_NUMBER`] without
/// leading zeros.
pub(crate) fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let number = digits.parse().ok().filter(|_| plain)?;
    (1..=MAX_NUMBER).contains(&number).then_some(number)
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
        assert_eq!(number("1"), Some(1));
        assert_eq!(number("32766"), Some(32_766));
        for digits in ["", "0", "01", "+1", "32767", "99999999", "x", "1::x"] {
            assert_eq!(number(digits), None, "{digits:?}");
        }
    }
}
