//! Texts that come from a component or a client and that people read in a terminal or a log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns whether a character can change how the text around it is shown: control characters (C0,
/// DEL, C1), line and paragraph separators, the marks that change the direction of writing, and
/// other invisible marks.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// Escapes the characters that [`is_deceptive`] names, as `\n` or `\u001b`. All other characters stay as they
/// are.
///
/// The escapes are those of JSON. So the strings of a JSON text keep their values.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_deceptive) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // Every such character has at most four hex digits. Writing to a string does not fail.
            other if is_deceptive(other) => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(other));
            }
            other => escaped.push(other),
        }
    }
    escaped.into()
}

/// Returns the longest start of a text that has at most `max_bytes` bytes.
pub fn clipped(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// Returns whether a text is a slug: 1 to 64 lower-case letters, digits and hyphens, with a letter
/// or digit at both ends.
pub fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 64
        && bytes.iter().all(|byte| allowed(*byte) || *byte == b'-')
        && bytes.first().is_some_and(|byte| allowed(*byte))
        && bytes.last().is_some_and(|byte| allowed(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_on_one_line_whatever_it_contains() {
        assert_eq!(
            escaped("Größe 7 \\ \"x\" 漢字 🚀"),
            "Größe 7 \\ \"x\" 漢字 🚀"
        );
        assert_eq!(
            escaped("a\nERROR \u{1b}[31mb\r\u{85}\u{9b}2J\u{7f}"),
            "a\\nERROR \\u001b[31mb\\r\\u0085\\u009b2J\\u007f"
        );
        assert_eq!(
            escaped("\u{202e}txt.\u{2066}exe\u{2028}\u{200f}"),
            "\\u202etxt.\\u2066exe\\u2028\\u200f"
        );
    }

    #[test]
    fn the_strings_of_a_json_text_keep_their_values() {
        let value = "DEL \u{7f}, CSI \u{9b}, separator \u{2028}";
        let text = serde_json::to_string(value).expect("JSON");
        let escaped = escaped(&text);
        assert!(!escaped.contains(is_deceptive), "{escaped}");
        assert_eq!(
            serde_json::from_str::<String>(&escaped).expect("JSON"),
            value
        );
    }

    #[test]
    fn a_text_is_cut_off_between_characters() {
        assert_eq!(clipped("Größe", 3), "Gr");
        assert_eq!(clipped("Größe", 4), "Grö");
        assert_eq!(clipped("Größe", 99), "Größe");
        assert_eq!(clipped("", 0), "");
    }

    #[test]
    fn a_slug_has_lower_case_letters_digits_and_inner_hyphens() {
        for slug in ["a", "task-not-found", "404", "a".repeat(64).as_str()] {
            assert!(is_slug(slug), "{slug}");
        }
        let long = "a".repeat(65);
        for other in [
            "", "-", "-a", "a-", "Task", "a_b", "a b", "a/b", "ä", "a\n", &long,
        ] {
            assert!(!is_slug(other), "{other:?}");
        }
    }
}
