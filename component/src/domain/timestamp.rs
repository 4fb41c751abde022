//! Timestamps: microseconds since 1970-01-01T00:00:00Z, the precision of the database.
//!
//! The calendar is computed here in ten lines, because a library with its time zones would be larger
//! than the rest of the component.

use crate::contract::Datetime;

/// The last second of the year 9999, the latest that RFC 3339 can represent.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// Microseconds in a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// Converts to microseconds. Finer digits are truncated. Times after the year 9999 become the last
/// second of that year.
pub fn micros(time: Datetime) -> i64 {
    let seconds = time.seconds.min(LAST_SECOND);
    (seconds * 1_000_000 + u64::from(time.nanoseconds / 1_000)) as i64
}

/// Converts from microseconds. Times before 1970 become the start of 1970.
pub fn datetime(micros: i64) -> Datetime {
    let micros = u64::try_from(micros).unwrap_or(0);
    Datetime {
        seconds: micros / 1_000_000,
        nanoseconds: (micros % 1_000_000) as u32 * 1_000,
    }
}

/// Truncates to microseconds, as storing does.
pub fn truncate(time: Datetime) -> Datetime {
    datetime(micros(time))
}

/// Formats a number of days since 1970-01-01 as `YYYY-MM-DD`.
pub fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Formats a time as `YYYY-MM-DD HH:MM`, UTC.
pub fn minute(time: Datetime) -> String {
    let (year, month, day) = civil((time.seconds / 86_400) as i64);
    let minutes = time.seconds % 86_400 / 60;
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// Returns year, month and day for a number of days since 1970-01-01, in the proleptic Gregorian
/// calendar. After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin
/// in March, so that the leap day comes last. 400 years are an era of 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_formatted_in_the_gregorian_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(59), "1970-03-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_512), "2026-02-28");
        assert_eq!(date(20_513), "2026-03-01");
        assert_eq!(date(2_932_896), "9999-12-31");
    }

    #[test]
    fn minutes_are_formatted_without_seconds() {
        let time = Datetime {
            seconds: 1_772_323_259,
            nanoseconds: 999_999_999,
        };
        assert_eq!(minute(time), "2026-03-01 00:00");
    }

    #[test]
    fn microseconds_are_kept_and_nanoseconds_truncated() {
        let time = Datetime {
            seconds: 5,
            nanoseconds: 123_456_789,
        };
        assert_eq!(micros(time), 5_123_456);
        assert_eq!(truncate(time).nanoseconds, 123_456_000);
    }
}
