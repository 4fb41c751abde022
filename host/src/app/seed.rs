//! Fills a new database with the statements of a file, for `task-host dev`. They have the rights of the
//! logic's own statements.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use contract::Access;
use storage::{Attempt, Budget, Database};

/// Limit for all statements together.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the statements of a file in one transaction.
///
/// # Errors
/// The file cannot be read, or a statement fails. The database is as it was.
pub(super) async fn apply(database: &dyn Database, path: &Path) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let budget = Budget {
        deadline: Instant::now() + PATIENCE,
        wait_until: Instant::now() + PATIENCE,
        hold: PATIENCE,
        statements: u32::MAX,
        rows: u64::MAX,
        bytes: u64::MAX,
        attempt: Attempt::Repeated,
    };
    let mut transaction = database.begin(Access::Write, budget).await?;
    for (line, statement) in statements(&text) {
        if let Err(failure) = transaction.execute(statement, &[]).await? {
            bail!("{}, line {line}: {}", path.display(), failure.detail);
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Splits a text into statements, which end with semicolons, and their lines.
fn statements(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut line = 1;
    loop {
        // Blanks and comments before a statement do not belong to it, so that its line is right.
        let blank = rest.len() - after_blanks(rest).len();
        line += rest[..blank].matches('\n').count();
        rest = &rest[blank..];
        if rest.is_empty() {
            return found;
        }
        let end = end(rest);
        let statement = rest[..end].trim_end_matches(';').trim_end();
        if !statement.is_empty() {
            found.push((line, statement));
        }
        line += rest[..end].matches('\n').count();
        rest = &rest[end..];
    }
}

fn after_blanks(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        let comment = match text {
            _ if text.starts_with("--") => text.find('\n'),
            _ if text.starts_with("/*") => text.find("*/").map(|at| at + 2),
            _ => return text,
        };
        text = &text[comment.unwrap_or(text.len())..];
    }
}

/// Returns where the first statement ends, after its semicolon. Semicolons in strings, names and comments
/// do not count.
fn end(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let skipped = match next {
            ';' => return at + 1,
            '\'' | '"' => rest[1..].find(next).map(|end| end + 2),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2),
            other => Some(other.len_utf8()),
        };
        match skipped {
            Some(skipped) => at += skipped,
            None => return text.len(),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_with_semicolons_outside_of_strings_and_comments() {
        let text = "-- first; not a statement\ninsert into a values ('x;''y'); ;\n\n\
            /* ; */ update \"b;c\" -- d;\nset e = 1;\ndelete from f";
        assert_eq!(
            statements(text),
            [
                (2, "insert into a values ('x;''y')"),
                (4, "update \"b;c\" -- d;\nset e = 1"),
                (6, "delete from f"),
            ]
        );
        assert_eq!(statements(" -- nothing"), []);
        assert_eq!(statements("select 'open"), [(1, "select 'open")]);
    }
}
