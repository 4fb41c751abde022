//! Formats digests, sizes, durations, times and text for people: short, with a unit, and within 80
//! columns.

use jiff::Timestamp;

/// Digits of a digest that are shown: enough to distinguish components, and to name one in a command.
const DIGEST_DIGITS: usize = 12;
/// The maximum width of tables and wrapped text, in columns.
pub(in crate::cli) const WIDTH: usize = 80;

/// Returns the first digits of a digest; `-` if the digest is empty.
pub(in crate::cli) fn digest(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    match digits.get(..DIGEST_DIGITS).unwrap_or(digits) {
        "" => "-",
        digits => digits,
    }
}

/// Formats a number of bytes.
pub(in crate::cli) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// Formats a duration, given in milliseconds.
pub(in crate::cli) fn duration(ms: f64) -> String {
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

/// Formats the time between two RFC 3339 timestamps. `None` if either is not a timestamp.
pub(in crate::cli) fn elapsed(from: &str, to: &str) -> Option<String> {
    let from: Timestamp = from.parse().ok()?;
    let to: Timestamp = to.parse().ok()?;
    Some(duration(
        (to.as_microsecond() - from.as_microsecond()) as f64 / 1e3,
    ))
}

/// Formats an RFC 3339 timestamp in UTC, to the second. Any other text is returned unchanged.
pub(in crate::cli) fn time(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(at) => at.strftime("%F %T").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// Shortens a text to a number of characters. A text that was shortened ends with `…`.
pub(in crate::cli) fn truncate(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(characters - 1).chain(['…']).collect(),
    }
}

/// Breaks a text into lines that are indented by a number of columns and fit into [`WIDTH`]. A word
/// that is longer than a line is not broken. Line breaks in the text are kept. Lines after a break
/// are indented in any case, so that they do not look like lines of this program.
pub(in crate::cli) fn wrap(text: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, paragraph) in text.lines().enumerate() {
        let indent = if number > 0 { indent.max(2) } else { indent };
        let margin = " ".repeat(indent);
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
    fn a_digest_is_shortened_to_its_first_digits() {
        assert_eq!(digest("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(digest("0123"), "0123");
        assert_eq!(digest(""), "-");
    }

    #[test]
    fn sizes_and_durations_have_a_suitable_unit() {
        let sizes = [0, 1023, 1025, 219_136, 3 << 20].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "2 KiB", "214 KiB", "3.0 MiB"]);
        let durations = [0.04, 9.9, 231.4, 1_520.0, 61_000.0].map(duration);
        assert_eq!(
            durations,
            ["0.0 ms", "9.9 ms", "231 ms", "1.5 s", "1 min 1 s"]
        );
    }

    #[test]
    fn timestamps_are_shown_to_the_second_and_their_difference_is_a_duration() {
        let (from, to) = ("2026-01-02T03:04:05.25Z", "2026-01-02T03:04:06.5Z");
        assert_eq!(time(from), "2026-01-02 03:04:05");
        assert_eq!(elapsed(from, to).as_deref(), Some("1.2 s"));
        assert_eq!(time("soon"), "soon");
        assert_eq!(elapsed("soon", to), None);
    }

    #[test]
    fn text_is_wrapped_between_words_and_keeps_its_line_breaks() {
        let text = format!("one {}\nlast", "word ".repeat(20));
        let lines = wrap(&text, 4);
        assert_eq!(lines.len(), 3);
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("    word word"), "{lines:?}");
        assert_eq!(lines[2], "    last");
    }

    #[test]
    fn truncated_text_ends_with_an_ellipsis() {
        assert_eq!(truncate("alice (token)", 13), "alice (token)");
        assert_eq!(truncate("alice (token)", 8), "alice (…");
    }
}
