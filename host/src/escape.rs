//! Text from elsewhere, made safe for a terminal and for a log of lines.
//!
//! Names, versions, reasons and answers come from components, hosts and registries. A control
//! character in them could move the cursor, change what was printed before, or begin a line that
//! looks like one of this program. The output of every command, its errors and the text log pass
//! through this file.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns `text` as one line: characters that change how a terminal shows other text are escaped,
/// such as `\n` and `\u{1b}`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c| !is_plain(c),
        |c, escaped| {
            escaped.extend(match c {
                '\n' | '\r' | '\t' => c.escape_default().collect::<Vec<_>>(),
                _ => c.escape_unicode().collect(),
            });
        },
    )
}

/// Returns a JSON text with the same value, in which these characters are escaped as JSON has it.
/// Line feeds are kept: outside of strings they are layout, and strings have none.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let is_raw = |c| c != '\n' && !is_plain(c);
    // All of these characters are in the basic plane, so four digits are enough.
    replace(text, is_raw, |c, escaped| {
        let _ = write!(escaped, "\\u{:04x}", u32::from(c));
    })
}

/// Returns a text of several lines, each escaped. The lines after the first are indented, so that
/// none of them looks like a line of this program.
pub(crate) fn paragraph(text: &str) -> String {
    let mut lines = text.lines();
    let mut escaped = line(lines.next().unwrap_or_default()).into_owned();
    for next in lines {
        escaped.push_str(match next.starts_with("  ") {
            true => "\n",
            false => "\n  ",
        });
        escaped.push_str(&line(next));
    }
    escaped
}

/// Returns a text of several lines, each escaped.
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(line).collect();
    lines.join("\n")
}

fn replace(
    text: &str,
    is_replaced: impl Fn(char) -> bool,
    mut write: impl FnMut(char, &mut String),
) -> Cow<'_, str> {
    let Some(first) = text.find(&is_replaced) else {
        return Cow::Borrowed(text);
    };
    let mut escaped = text[..first].to_owned();
    for c in text[first..].chars() {
        match is_replaced(c) {
            true => write(c, &mut escaped),
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Returns whether a character only shows itself: it is not a control character (C0, DEL, C1), does
/// not change the direction of other text, and does not separate lines or paragraphs.
fn is_plain(c: char) -> bool {
    !(c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_character_that_changes_other_text() {
        for (text, escaped) in [
            ("plain é 任务 👩\u{200d}🚀", "plain é 任务 👩\u{200d}🚀"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J\u{7}\0", "\\u{1b}[2J\\u{7}\\u{0}"),
            ("\u{7f}\u{85}\u{9b}31m", "\\u{7f}\\u{85}\\u{9b}31m"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
        ] {
            assert_eq!(line(text), escaped);
        }
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let value = serde_json::json!({"a\u{9b}": "\u{1b}\u{7f}\u{202e}\u{2028}é\n"});
        let text = format!("{value:#}");
        let escaped = json(&text);
        assert!(
            escaped.chars().all(|c| c == '\n' || is_plain(c)),
            "{escaped}"
        );
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn every_line_of_a_paragraph_but_the_first_is_indented() {
        let text = "it failed: x\ntask-host: it is active\n  #/a: \u{1b}[1A";
        assert_eq!(
            paragraph(text),
            "it failed: x\n  task-host: it is active\n  #/a: \\u{1b}[1A"
        );
    }
}
