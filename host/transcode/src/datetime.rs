//! Timestamps in RFC 3339, from year 0001 to 9999, in UTC.
//!
//! Days and dates are converted by Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (proleptic Gregorian calendar, years that begin in March).

use super::buffer::Buffer;
use super::types::Epoch;

/// 0001-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;
const SECONDS_A_DAY: i64 = 86_400;

/// Description of a timestamp that [`write`] cannot write.
pub(super) const OUTSIDE: &str = "a timestamp outside the years 0001 to 9999";

/// Seconds since 1970, and nanoseconds within the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// Reads a date and time with an offset. Digits after the nanoseconds are cut off. Second 60, a
/// leap second, is read as the first second of the next minute.
///
/// # Errors
/// Returns what is wrong, as the end of a sentence about the value.
pub(super) fn read(text: &str, epoch: Epoch) -> Result<Timestamp, &'static str> {
    let timestamp = parse(text.as_bytes())
        .ok_or("must be an RFC 3339 date and time, such as 2026-03-01T10:20:30Z")?;
    if !(FIRST_SECOND..=LAST_SECOND).contains(&timestamp.seconds) {
        return Err("must be from year 0001 to 9999");
    }
    if epoch == Epoch::Unsigned && timestamp.seconds < 0 {
        return Err("must not be before 1970-01-01T00:00:00Z");
    }
    Ok(timestamp)
}

/// Appends a timestamp without quotes. Its fraction has 0, 3, 6 or 9 digits. Returns false and
/// appends nothing if RFC 3339 cannot represent the timestamp.
pub(super) fn write(out: &mut Buffer, timestamp: Timestamp) -> bool {
    let in_range = (FIRST_SECOND..=LAST_SECOND).contains(&timestamp.seconds);
    if !in_range || timestamp.nanoseconds >= 1_000_000_000 {
        return false;
    }
    let (year, month, day) = civil_from_days(timestamp.seconds.div_euclid(SECONDS_A_DAY));
    let second = timestamp.seconds.rem_euclid(SECONDS_A_DAY);
    let mut text = *b"0000-00-00T00:00:00.000000000";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], second / 3600);
    digits(&mut text[14..16], second / 60 % 60);
    digits(&mut text[17..19], second % 60);
    digits(&mut text[20..29], timestamp.nanoseconds.into());
    let length = match timestamp.nanoseconds {
        0 => 19,
        nanoseconds if nanoseconds % 1_000_000 == 0 => 23,
        nanoseconds if nanoseconds % 1_000 == 0 => 26,
        _ => 29,
    };
    out.extend_from_slice(&text[..length]);
    out.push(b'Z');
    true
}

/// Parses `date-time` of RFC 3339.
fn parse(text: &[u8]) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(19)?;
    let [
        _,
        _,
        _,
        _,
        b'-',
        _,
        _,
        b'-',
        _,
        _,
        b'T' | b't',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
    ] = *date
    else {
        return None;
    };
    let (year, month, day) = (
        number(&date[0..4])?,
        number(&date[5..7])?,
        number(&date[8..10])?,
    );
    let (hour, minute, second) = (
        number(&date[11..13])?,
        number(&date[14..16])?,
        number(&date[17..19])?,
    );
    let valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let (nanoseconds, offset) = match rest.split_first() {
        Some((b'.', rest)) => fraction(rest)?,
        _ => (0, rest),
    };
    let days = days_from_civil(year, month, day);
    let local = days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
    Some(Timestamp {
        seconds: local - offset_seconds(offset)?,
        nanoseconds,
    })
}

/// Reads nanoseconds from one digit or more, and returns the rest of the text.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, rest) = text.split_at(length);
    let nanoseconds = (0..9).fold(0, |sum, place| {
        let digit = digits.get(place).map_or(0, |digit| u32::from(digit - b'0'));
        sum * 10 + digit
    });
    Some((nanoseconds, rest))
}

fn offset_seconds(text: &[u8]) -> Option<i64> {
    match text {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = hours * 3600 + minutes * 60;
            let valid = hours < 24 && minutes < 60;
            valid.then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        Some(sum * 10 + digit)
    })
}

/// Writes a number with leading zeros over the bytes of `place`.
fn digits(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
