//! The log line of a statement that failed. It has the statement's text and the engine's message, but
//! never a value of the application: engines quote values in some messages.

use std::collections::{HashMap, HashSet};

use crate::state::State;
use contract::text::{clipped, escaped};
use storage::{Cause, Failure, Value};

/// Maximum size of a statement's text and of a message in the log, in bytes.
const MAX_TEXT_BYTES: usize = 1000;
/// Maximum size of all text parameters that are compared with a message, in bytes.
const MAX_COMPARED_BYTES: usize = 256 << 10;
/// Stands for a text that was left out.
const LEFT_OUT: &str = "…";

/// Logs a failed statement, unless the call has logged enough of them. Logic expects that a
/// constraint is broken now and then, and answers for example 409; so this is logged as `debug`.
/// Every other failure is a mistake in the logic: `warn`.
pub(super) fn report(state: &mut State, statement: &str, params: &[Value], failure: &Failure) {
    let Some(left) = state.failed_statements_left.checked_sub(1) else {
        return;
    };
    state.failed_statements_left = left;
    let cause = match failure.cause {
        Cause::Unique => "unique",
        Cause::ForeignKey => "foreign-key",
        Cause::Check => "check",
        Cause::NotNull => "not-null",
        Cause::Other => "other",
    };
    let mistake = failure.cause == Cause::Other;
    let logged = match mistake {
        true => tracing::enabled!(target: "logic", tracing::Level::WARN),
        false => tracing::enabled!(target: "logic", tracing::Level::DEBUG),
    };
    if !logged && state.lines.is_none() {
        return;
    }
    let message = match failure.cause {
        Cause::Other => without_values(&failure.detail, statement, params),
        // These messages have only the names of constraints, tables and columns.
        _ => clipped(&failure.detail, MAX_TEXT_BYTES).to_owned(),
    };
    let message = escaped(&message);
    let words: Vec<&str> = clipped(statement, MAX_TEXT_BYTES)
        .split_whitespace()
        .collect();
    let statement = words.join(" ");
    let statement = &*escaped(&statement);
    if let Some(lines) = &state.lines {
        let level = if mistake { "warn" } else { "debug" };
        lines.add(|| format!("{level}: a statement failed: {message}; {statement}"));
    }
    let constraint = failure.constraint.as_deref();
    let span = state.log.span();
    let _entered = span.enter();
    match mistake {
        true => tracing::warn!(
            target: "logic",
            { sql.cause = cause, db.query.text = statement },
            "a statement failed: {message}"
        ),
        false => tracing::debug!(
            target: "logic",
            { sql.cause = cause, sql.constraint = constraint, db.query.text = statement },
            "a statement failed: {message}"
        ),
    }
}

/// Returns an engine's message without values. Two kinds of texts are left out, unless the statement
/// has them too: what the message quotes, such as `invalid input syntax for type integer: "x"`, and
/// the words of text parameters, which SQLite's full-text search does not quote.
fn without_values(message: &str, statement: &str, params: &[Value]) -> String {
    let message = without_quoted(clipped(message, MAX_TEXT_BYTES), statement);
    let texts = params.iter().filter_map(|param| match param {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let size: usize = texts.clone().map(str::len).sum();
    if size > MAX_COMPARED_BYTES {
        return LEFT_OUT.to_owned();
    }
    let of_statement: HashSet<&str> = words(statement).collect();
    let mut in_message: HashMap<&str, bool> = words(&message)
        .filter(|word| !of_statement.contains(word))
        .map(|word| (word, false))
        .collect();
    for word in texts.flat_map(words) {
        if let Some(is_value) = in_message.get_mut(word) {
            *is_value = true;
        }
    }
    let mut kept = String::with_capacity(message.len());
    let mut rest = message.as_str();
    for word in words(&message) {
        // `words` yields slices of the message, in order.
        let Some(at) = rest.find(word) else { break };
        kept.push_str(&rest[..at]);
        kept.push_str(match in_message.get(word) {
            Some(true) => LEFT_OUT,
            _ => word,
        });
        rest = &rest[at + word.len()..];
    }
    kept + rest
}

/// Returns a message without what it quotes, unless the statement has that text. A value may have
/// quotation marks of its own, so everything up to the last mark is left out.
fn without_quoted(message: &str, statement: &str) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(begin) = rest.find(['"', '\'']) {
        let mark = &rest[begin..=begin];
        let (before, quoted) = (&rest[..=begin], &rest[begin + 1..]);
        kept.push_str(before);
        let end = quoted.find(mark).unwrap_or(quoted.len());
        let end = match statement.contains(&quoted[..end]) {
            true => {
                kept.push_str(&quoted[..end]);
                end
            }
            false => {
                kept.push_str(LEFT_OUT);
                quoted.rfind(mark).unwrap_or(quoted.len())
            }
        };
        rest = &quoted[end..];
        if let Some(after) = rest.strip_prefix(mark) {
            kept.push_str(mark);
            rest = after;
        }
    }
    kept + rest
}

/// Returns the words and numbers of a text.
fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split(|character: char| !(character.is_alphanumeric() || character == '_'))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    #[test]
    fn a_message_keeps_the_names_that_the_statement_has() {
        for (message, statement) in [
            (
                "no such table: nowhere at byte 20",
                "select nothing from nowhere",
            ),
            (
                r#"relation "nowhere" does not exist"#,
                "select nothing from nowhere",
            ),
            (r#"near "slect": syntax error"#, "slect 1"),
            (
                r#"column "a" of relation "b" does not exist"#,
                "insert into b (a) values ($1)",
            ),
            (
                "the transaction is spent after a failed statement",
                "select 1",
            ),
        ] {
            assert_eq!(without_values(message, statement, &[text("b")]), message);
        }
    }

    #[test]
    fn quoted_values_are_left_out_whatever_they_contain() {
        let cast = "select cast(title as integer) from tasks";
        for (message, expected) in [
            (
                r#"invalid input syntax for type integer: "my secret""#,
                r#"invalid input syntax for type integer: "…""#,
            ),
            (
                r#"invalid input syntax for type integer: "a "quoted" secret""#,
                r#"invalid input syntax for type integer: "…""#,
            ),
            (
                r#"value "99999999999" is out of range for type integer"#,
                r#"value "…" is out of range for type integer"#,
            ),
            ("bad JSON path: '$[secret'", "bad JSON path: '…'"),
            (r#"unterminated "secret"#, r#"unterminated "…"#),
        ] {
            assert_eq!(without_values(message, cast, &[]), expected);
        }
    }

    #[test]
    fn words_of_text_parameters_are_left_out() {
        let search = "select id from notes where notes match $1";
        let found =
            |message| without_values(message, search, &[text("secret:x"), text("12 notes")]);
        assert_eq!(found("no such column: secret"), "no such column: …");
        assert_eq!(found("secretary 12 x notes"), "secretary … … notes");
    }

    #[test]
    fn parameters_that_are_too_large_to_compare_leave_nothing_of_the_message() {
        let large = text(&"x".repeat(MAX_COMPARED_BYTES + 1));
        assert_eq!(without_values("malformed JSON", "select $1", &[large]), "…");
    }

    #[test]
    fn a_long_message_is_cut_off() {
        let message = "é".repeat(MAX_TEXT_BYTES);
        assert_eq!(
            without_values(&message, "select 1", &[]).len(),
            MAX_TEXT_BYTES
        );
    }
}
