//! The Git revision that a component was probably built from.

use std::path::Path;
use std::process::{Command, Stdio};

/// Returns the revision of the working tree in which a file is, with `-dirty` if it has changes. `None` if
/// the file is in no working tree, or there is no Git.
pub(super) fn revision(file: &Path) -> Option<String> {
    let folder = match file.parent()? {
        folder if folder == Path::new("") => Path::new("."),
        folder => folder,
    };
    if !folder.is_dir() {
        return None;
    }
    let described = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let revision = String::from_utf8(described.stdout).ok()?;
    let revision = revision.trim();
    (described.status.success() && !revision.is_empty() && revision.len() <= 100)
        .then(|| revision.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> bool {
        let author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args(author).args(arguments);
        command.output().is_ok_and(|done| done.status.success())
    }

    #[test]
    fn a_file_has_the_revision_of_its_working_tree() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tasks.wasm");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(revision(&file), None);
        assert_eq!(revision(Path::new("oci://example.org/tasks:1")), None);
        if !git(folder.path(), &["init", "-q"]) {
            return;
        }
        assert!(git(folder.path(), &["add", "."]));
        assert!(git(folder.path(), &["commit", "-qm", "x"]));
        let clean = revision(&file).unwrap();
        assert!(clean.len() >= 12 && clean.bytes().all(|digit| digit.is_ascii_hexdigit()));
        std::fs::write(&file, "y").unwrap();
        assert_eq!(revision(&file).unwrap(), format!("{clean}-dirty"));
    }
}
