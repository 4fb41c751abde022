//! Checks the place of a database file before anything is created there, so that the message says
//! which part of the path is wrong.

use std::fs;
use std::path::Path;

use crate::OpenError;

/// Checks that a database file exists at a path, or that it can be created there.
///
/// # Errors
/// Returns [`OpenError::Failed`] if a part of the path is a link to nothing or not a directory, or if
/// the path leads to something else than a file.
pub(crate) fn check(path: &Path) -> Result<(), OpenError> {
    let failed = |reason: String| {
        let path = path.display().to_string();
        Err(OpenError::Failed { path, reason })
    };
    let parts: Vec<&Path> = path
        .ancestors()
        .filter(|part| *part != Path::new(""))
        .collect();
    for part in parts.into_iter().rev() {
        let shown = part.display();
        match (fs::symlink_metadata(part), fs::metadata(part)) {
            (Ok(_), Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                let target = fs::read_link(part).unwrap_or_default();
                let target = target.display();
                return failed(format!(
                    "{shown} is a link to {target}, which does not exist; create that, or remove \
                     the link"
                ));
            }
            // What does not exist will be created, and other errors are reported when it is used.
            (_, Err(_)) => return Ok(()),
            (_, Ok(found)) if part != path && !found.is_dir() => {
                return failed(format!("{shown} is not a directory"));
            }
            (_, Ok(found)) if part == path && found.is_dir() => {
                return failed("is a directory; name a file in it".to_owned());
            }
            (_, Ok(found)) if part == path && !found.is_file() => {
                return failed("is not a regular file".to_owned());
            }
            (_, Ok(_)) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_part_of_the_path_that_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("/none/here", at("link")).unwrap();
        symlink(folder.path(), at("good")).unwrap();
        fs::write(at("file"), "").unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (name, words) in [
            ("link", "link to /none/here, which does not exist"),
            (
                "link/tasks.sqlite",
                "link to /none/here, which does not exist",
            ),
            ("file/tasks.sqlite", "file is not a directory"),
            ("good", "is a directory"),
            ("socket", "not a regular file"),
        ] {
            let error = check(&at(name)).unwrap_err().to_string();
            assert!(error.contains(words), "{name}: {error}");
            assert!(error.contains(&at(name).display().to_string()), "{error}");
        }
        for name in ["file", "good/file", "good/new", "new/tasks.sqlite"] {
            assert_eq!(check(&at(name)), Ok(()), "{name}");
        }
        assert_eq!(check(Path::new("tasks.sqlite")), Ok(()));
    }
}
