//! Timestamps as RFC 3339 text, as the host reads and writes them.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tasks::contract::Datetime;

/// A time from 1970 on. It is written with 0, 3, 6 or 9 fractional digits.
pub struct Timestamp(pub Datetime);

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time: jiff::Timestamp = text.parse().map_err(|error| format!("{error}"))?;
        let seconds = time.as_second().try_into();
        let nanoseconds = time.subsec_nanosecond().try_into();
        match (seconds, nanoseconds) {
            (Ok(seconds), Ok(nanoseconds)) => Ok(Timestamp(Datetime {
                seconds,
                nanoseconds,
            })),
            _ => Err("must not be before 1970-01-01T00:00:00Z".to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Datetime {
            seconds,
            nanoseconds,
        } = self.0;
        let digits = match nanoseconds {
            0 => 0,
            nanoseconds if nanoseconds % 1_000_000 == 0 => 3,
            nanoseconds if nanoseconds % 1_000 == 0 => 6,
            _ => 9,
        };
        let seconds = i64::try_from(seconds).map_err(|_| fmt::Error)?;
        let nanoseconds = i32::try_from(nanoseconds).map_err(|_| fmt::Error)?;
        let time = jiff::Timestamp::new(seconds, nanoseconds).map_err(|_| fmt::Error)?;
        DateTimePrinter::new()
            .precision(Some(digits))
            .print_timestamp(&time, jiff::fmt::StdFmtWrite(f))
            .map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_has_as_many_digits_as_it_needs_in_threes() {
        for (nanoseconds, text) in [
            (0, "2026-03-01T10:20:30Z"),
            (100_000_000, "2026-03-01T10:20:30.100Z"),
            (123_456_000, "2026-03-01T10:20:30.123456Z"),
            (1, "2026-03-01T10:20:30.000000001Z"),
        ] {
            let time = Timestamp(Datetime {
                seconds: 1_772_360_430,
                nanoseconds,
            });
            assert_eq!(time.to_string(), text);
        }
    }
}
