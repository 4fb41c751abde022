//! Python environments: one for the tools that `tools/requirements.txt` pins, one for the benchmark's
//! peers.
//!
//! An environment is a folder in the target folder, and is made again when its pins change. No build and
//! no running service needs it. If Python or a package is missing, a check is left out, which is a
//! failure only in CI.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step;
use crate::workspace::Workspace;

/// The oldest Python that the pinned packages support.
const OLDEST: (u32, u32) = (3, 11);

/// An environment.
pub struct Python {
    programs: PathBuf,
}

/// Why something is missing, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl Python {
    /// Makes the environment of the tools, or returns the existing one.
    ///
    /// # Errors
    /// [`Missing`] if there is no suitable Python, or the packages cannot be installed.
    pub fn prepare(workspace: &Workspace) -> Result<Self, Missing> {
        Self::prepare_with(workspace, "tools/requirements.txt", "venv")
    }

    /// Makes an environment with these pins in a folder of the target folder, or returns the existing one.
    ///
    /// # Errors
    /// As [`Python::prepare`].
    pub fn prepare_with(
        workspace: &Workspace,
        requirements: &str,
        folder: &str,
    ) -> Result<Self, Missing> {
        let requirements = workspace.root.join(requirements);
        let pins = fs::read_to_string(&requirements).map_err(|error| Missing {
            why: format!("cannot read {}: {error}", requirements.display()),
            remedy: "restore the file from the repository".into(),
        })?;
        let folder = workspace.target.join(folder);
        let python = Self {
            programs: folder.join("bin"),
        };
        let stamp = folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
            return Ok(python);
        }
        let interpreter = interpreter(OsStr::new("python3"))?;
        create(&interpreter, &folder)?;
        install(&python, &requirements)?;
        // Written last, so that an interrupted installation is repeated.
        fs::write(&stamp, pins).map_err(|error| Missing {
            why: format!("cannot write {}: {error}", stamp.display()),
            remedy: "make the target folder writable".into(),
        })?;
        Ok(python)
    }

    /// Returns a command that runs a program of the environment, such as `schemathesis`.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        // Only the environment's packages, not the user's.
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        command
    }
}

/// Finds a Python that is new enough and can make environments.
fn interpreter(program: &OsStr) -> Result<PathBuf, Missing> {
    let remedy = format!(
        "install Python {}.{} or newer with venv (Debian, Ubuntu: apt install python3-venv)",
        OLDEST.0, OLDEST.1
    );
    let question = "import sys, venv, ensurepip; print(*sys.version_info[:2])";
    let answer =
        step::read(Command::new(program).args(["-c", question])).map_err(|error| Missing {
            why: format!("no Python that can make environments: {error:#}"),
            remedy: remedy.clone(),
        })?;
    match version(&answer) {
        Some(version) if version >= OLDEST => Ok(PathBuf::from(program)),
        _ => Err(Missing {
            why: format!("python3 is version {}", answer.replace(' ', ".")),
            remedy,
        }),
    }
}

/// Parses `3 11`.
fn version(answer: &str) -> Option<(u32, u32)> {
    let (major, minor) = answer.split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn create(interpreter: &Path, folder: &Path) -> Result<(), Missing> {
    let mut command = Command::new(interpreter);
    command.args(["-m", "venv", "--clear"]).arg(folder);
    step::run(&mut command).map_err(|error| Missing {
        why: format!("{error:#}"),
        remedy: "install Python's venv (Debian, Ubuntu: apt install python3-venv)".into(),
    })
}

fn install(python: &Python, requirements: &Path) -> Result<(), Missing> {
    let mut command = python.program("python");
    command
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--requirement"])
        .arg(requirements);
    step::run(&mut command).map_err(|error| Missing {
        why: format!("{error:#}"),
        remedy: "run it with access to Python's package index".into(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A script that stands in for Python.
    fn python(script: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python3");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_new_python_is_used() {
        let (_folder, path) = python("echo 3 12");
        assert_eq!(interpreter(path.as_os_str()), Ok(path));
    }

    #[test]
    fn an_old_python_is_named_with_the_version_that_is_needed() {
        let (_folder, path) = python("echo 3 9");
        let missing = interpreter(path.as_os_str()).unwrap_err();
        assert_eq!(missing.why, "python3 is version 3.9");
        assert!(missing.remedy.contains("3.11"), "{}", missing.remedy);
    }

    #[test]
    fn a_python_without_venv_leads_to_its_package() {
        let (_folder, path) = python("echo 'No module named ensurepip' >&2; exit 1");
        let missing = interpreter(path.as_os_str()).unwrap_err();
        assert!(missing.why.contains("No module named ensurepip"));
        assert!(missing.remedy.contains("python3-venv"));
    }

    #[test]
    fn a_missing_python_is_named() {
        let missing = interpreter(OsStr::new("no-such-python")).unwrap_err();
        assert!(missing.why.contains("no-such-python"), "{}", missing.why);
    }
}
