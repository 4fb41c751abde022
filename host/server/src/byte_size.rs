//! A number of bytes, as flags and messages write it.
//!
//! Not the `bytesize` crate: it also reads fractions (`1.5MiB`), larger units and lower-case
//! letters, and it writes `1.0 MiB` where flags and problems of this host say `1MiB`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes; written with or without a unit: `512`, `64KiB`, `1MiB`, `2MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

const UNITS: [(&str, usize); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<ByteSize, String> {
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
        let (digits, factor) = match unit {
            Some((unit, factor)) => (text[..text.len() - unit.len()].trim_end(), *factor),
            None => (text, 1),
        };
        digits
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .map(ByteSize)
            .ok_or_else(|| "give a number of bytes, such as 65536, 64KiB or 1MiB".to_owned())
    }
}

impl fmt::Display for ByteSize {
    /// Writes the largest of KiB, MiB and GiB that divides the number, else bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |&&(_, factor): &&(&str, usize)| self.0 != 0 && self.0.is_multiple_of(factor);
        match UNITS[..3].iter().rev().find(whole) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("64KiB", 65_536),
            ("2MB", 2_000_000),
            ("7 B", 7),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "KiB", "-1", "1.5MiB", "99999999999GiB", "1TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize(3 << 20).to_string(), "3MiB");
        assert_eq!(ByteSize(1500).to_string(), "1500B");
    }
}
