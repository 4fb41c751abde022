//! How digests, sizes, durations and times are shown to people: short, with a unit, in columns
//! that fit into 80.

use jiff::Timestamp;

/// Digits of a digest that are shown: enough to tell components apart, and to name one.
const DIGEST_DIGITS: usize = 12;
/// Columns of a terminal that every table and text fits into.
pub(super) const WIDTH: usize = 80;

/// The first digits of a digest; `-` where there is none.
pub(super) fn digest(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    match digits.get(..DIGEST_DIGITS).unwrap_or(digits) {
        "" => "-",
        digits => digits,
    }
}

/// A number of bytes.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A duration in milliseconds.
pub(super) fn duration(ms: f64) -> String {
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        ..60_000.0 => format!("{:.1} s", ms / 1e3),
        _ => {
            let seconds = (ms / 1e3) as u64;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// How long it took from one RFC 3339 time to another; none where either is no such time.
pub(super) fn between(from: &str, to: &str) -> Option<String> {
    let from: Timestamp = from.parse().ok()?;
    let to: Timestamp = to.parse().ok()?;
    Some(duration(
        (to.as_microsecond() - from.as_microsecond()) as f64 / 1e3,
    ))
}

/// An RFC 3339 time to the second, in UTC; as it is where it is no such time.
pub(super) fn time(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(at) => at.strftime("%F %T").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// A text that is cut at a number of characters, with a sign of it.
pub(super) fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(characters - 1).chain(['…']).collect(),
    }
}

/// Breaks a text into lines that are indented by a number of columns and fit into [`WIDTH`]. A
/// word that is longer than a line stays whole.
pub(super) fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = margin.clone();
        for word in paragraph.split_whitespace() {
            let length = line.chars().count() + 1 + word.chars().count();
            if length > WIDTH && line.len() > indent {
                lines.push(std::mem::replace(&mut line, margin.clone()));
            }
            if line.len() > indent {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_shown_by_their_first_digits() {
        assert_eq!(digest("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(digest("0123"), "0123");
        assert_eq!(digest(""), "-");
    }

    #[test]
    fn sizes_and_durations_carry_the_unit_that_suits_them() {
        let sizes = [0, 1023, 1025, 219_136, 3 << 20].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "2 KiB", "214 KiB", "3.0 MiB"]);
        let durations = [0.04, 9.9, 231.4, 1_520.0, 61_000.0].map(duration);
        assert_eq!(
            durations,
            ["0.0 ms", "9.9 ms", "231 ms", "1.5 s", "1 min 1 s"]
        );
    }

    #[test]
    fn times_are_shown_to_the_second_and_their_distance_is_a_duration() {
        let (from, to) = ("2026-01-02T03:04:05.25Z", "2026-01-02T03:04:06.5Z");
        assert_eq!(time(from), "2026-01-02 03:04:05");
        assert_eq!(between(from, to).as_deref(), Some("1.2 s"));
        assert_eq!(time("soon"), "soon");
        assert_eq!(between("soon", to), None);
    }

    #[test]
    fn a_text_is_broken_between_words_and_keeps_its_lines() {
        let text = format!("one {}\nlast", "word ".repeat(20));
        let lines = wrapped(&text, 4);
        assert_eq!(lines.len(), 3);
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("    word word"), "{lines:?}");
        assert_eq!(lines[2], "    last");
    }

    #[test]
    fn what_is_cut_shows_it() {
        assert_eq!(cut("alice (token)", 13), "alice (token)");
        assert_eq!(cut("alice (token)", 8), "alice (…");
    }
}
