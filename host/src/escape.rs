//! Text from elsewhere, made safe for a terminal and for a log of lines.
//!
//! Names, versions, reasons and answers come from components, hosts and registries. A control
//! character in them could move the cursor, change what was printed before, or begin a line that
//! looks like one of this program. The output of every command, its errors and the text log pass
//! through this file.

pub(crate) use contract::text::escaped as line;

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

/// Returns a text of several lines, each escaped. JSON keeps its value: its strings have no line
/// feeds, and the escapes are those of JSON.
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::text::is_deceptive;

    #[test]
    fn escaped_json_keeps_its_layout_and_its_value() {
        let value = serde_json::json!({"a\u{9b}": "\u{1b}\u{7f}\u{202e}\u{2028}é\n"});
        let escaped = lines(&format!("{value:#}"));
        assert_eq!(escaped.lines().count(), 3);
        assert!(escaped.lines().all(|line| !line.contains(is_deceptive)));
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn every_line_of_a_paragraph_but_the_first_is_indented() {
        let text = "it failed: x\ntask-host: it is active\n  #/a: \u{1b}[1A";
        assert_eq!(
            paragraph(text),
            "it failed: x\n  task-host: it is active\n  #/a: \\u001b[1A"
        );
    }
}
