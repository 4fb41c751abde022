//! Writes the report into `docs/BENCHMARKS.md`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

const BEGIN: &str = "<!-- cargo xtask bench --publish writes from here -->\n";
const END: &str = "<!-- to here -->";

/// Replaces the text between the two marks, and the chart next to the file.
///
/// # Errors
/// If a mark is missing.
pub fn publish(docs: &Path, tables: &str, chart: &str) -> Result<()> {
    let path = docs.join("BENCHMARKS.md");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the first mark is missing")?;
    let (_, after) = rest.split_once(END).context("the second mark is missing")?;
    let picture = "![Requests a second of each server, by load](benchmarks.svg)";
    let text = format!("{before}{BEGIN}\n{tables}\n{picture}\n\n{END}{after}");
    fs::write(&path, text)?;
    fs::write(docs.join("benchmarks.svg"), chart)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("BENCHMARKS.md");
        fs::write(&path, format!("before\n{BEGIN}old\n{END}\nafter\n")).unwrap();
        publish(folder.path(), "| new |\n", "<svg/>").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("\nafter\n"));
        assert!(text.contains("| new |") && !text.contains("old"));
        publish(folder.path(), "| newer |\n", "<svg/>").unwrap();
        assert!(!fs::read_to_string(&path).unwrap().contains("| new |"));
    }
}
