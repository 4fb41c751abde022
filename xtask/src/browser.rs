//! Tests the web pages in a real browser: pytest drives the system's Chromium with Playwright, against
//! the host that the tests built.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use xtask::python::{Missing, Python};
use xtask::step;
use xtask::workspace::Workspace;

use crate::summary::Outcome;

/// The name of the tests in a summary.
pub const NAME: &str = "web pages in a browser (Playwright, Chromium)";

/// The variable that names the browser if it is none of [`BROWSERS`].
const VARIABLE: &str = "TASK_HOST_TEST_CHROMIUM";

/// The names of the browser in different distributions.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Arguments of `browser`.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Take the screenshots of the documentation again, in docs/screenshots.
    #[arg(long)]
    screenshots: bool,
    /// Arguments for pytest, such as `-k board`.
    #[arg(last = true)]
    pytest: Vec<OsString>,
}

/// Runs the tests with the host in `target/debug` and the component in `target/components`.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    let browser = match find(
        env::var_os(VARIABLE),
        env::var_os("PATH").unwrap_or_default(),
    ) {
        Ok(browser) => browser,
        Err(Missing { why, remedy }) => return Outcome::LeftOut { why, remedy },
    };
    step::announce("Preparing the Python tools of the browser tests…");
    let python = match Python::prepare(workspace) {
        Ok(python) => python,
        Err(Missing { why, remedy }) => return Outcome::LeftOut { why, remedy },
    };
    step::announce("Testing the web pages in a browser…");
    let mut pytest = python.program("python");
    pytest
        .current_dir(workspace.root.join("web-tests"))
        .args(["-B", "-m", "pytest"])
        .env(VARIABLE, browser)
        .env("TASK_HOST_TEST_BINARY", workspace.host_binary("debug"))
        .env("TASK_HOST_TEST_COMPONENTS", workspace.components());
    if arguments.screenshots {
        let folder = workspace.root.join("docs/screenshots");
        pytest
            .arg("test_screenshots.py")
            .arg("--screenshots")
            .arg(folder);
    }
    match step::run(pytest.args(&arguments.pytest)) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// Returns the browser that the variable names, or the first one in `PATH`.
fn find(named: Option<OsString>, path: OsString) -> Result<PathBuf, Missing> {
    let remedy =
        format!("install it (Debian, Ubuntu: apt install chromium), or set {VARIABLE} to its path");
    if let Some(named) = named.map(PathBuf::from) {
        return match named.is_file() {
            true => Ok(named),
            false => Err(Missing {
                why: format!("{VARIABLE} names {}, which is not a file", named.display()),
                remedy,
            }),
        };
    }
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let mut candidates = BROWSERS
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.find(|file| file.is_file()).ok_or(Missing {
        why: "Chromium is missing".into(),
        remedy,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_browser_in_the_path_is_used_unless_another_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let file = folder.path().join(name);
            fs::write(&file, "").unwrap();
            file
        };
        let (chromium, other) = (file("chromium"), file("other"));
        let path = folder.path().as_os_str().to_owned();
        assert_eq!(find(None, path.clone()), Ok(chromium));
        assert_eq!(find(Some(other.clone().into()), path), Ok(other));
    }

    #[test]
    fn a_missing_browser_is_named_with_its_package() {
        let missing = find(None, "/nowhere".into()).unwrap_err();
        assert_eq!(missing.why, "Chromium is missing");
        assert!(missing.remedy.contains("apt install chromium"));
        let missing = find(Some("/nowhere/chromium".into()), "/nowhere".into()).unwrap_err();
        assert!(missing.why.contains("/nowhere/chromium"), "{}", missing.why);
    }
}
