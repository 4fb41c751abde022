//! `task-host.toml`: how a project's component is built and developed.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

use crate::failure::Failure;

/// The file's name.
pub(super) const FILE: &str = "task-host.toml";

/// The variable that tells a build command that the component is for development.
const DEVELOPMENT: &str = "TASK_HOST_DEV";

/// What a file looks like, for messages.
const EXAMPLE: &str = "\
[build]
command = \"cargo build --release --target wasm32-unknown-unknown\"
output = \"target/wasm32-unknown-unknown/release/NAME.wasm\"
watch = [\"Cargo.toml\", \"migrations\", \"sdk\", \"src\", \"web\"]

[dev]
seed = \"seed.sql\"";

/// A folder with a `task-host.toml`.
#[derive(Debug)]
pub(super) struct Project {
    /// The folder, in which the build command runs.
    pub(super) root: PathBuf,
    settings: Settings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    build: Build,
    #[serde(default)]
    dev: Dev,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    /// The command that builds the component, for `sh`.
    command: String,
    /// The component's file, relative to the root.
    output: PathBuf,
    /// The files and folders that the component is built from. `None`: all that are not hidden.
    watch: Option<Vec<PathBuf>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dev {
    /// What fills a new database: a `.sql` or `.hurl` file.
    seed: Option<PathBuf>,
}

/// What a component is built for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// To try a change at once. The command may make a component that is quicker to build and slower to run.
    Development,
    /// To be tested, and deployed after that.
    Release,
}

/// What fills a new database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seed {
    /// Statements.
    Sql(PathBuf),
    /// Requests.
    Hurl(PathBuf),
}

impl Project {
    /// Reads the file in `folder` or the nearest folder above it. `None` if no folder has one.
    ///
    /// # Errors
    /// [`Failure::Setting`] says what is wrong with the file.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        for root in folder.ancestors() {
            let path = root.join(FILE);
            match fs::read_to_string(&path) {
                Ok(text) => return Self::parse(root, &text).map(Some),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let reason = format!("cannot read {}: {error}", path.display());
                    return Err(Failure::setting(FILE, reason));
                }
            }
        }
        Ok(None)
    }

    /// Reads the file as [`find`](Self::find) does.
    ///
    /// # Errors
    /// Also if no folder has one.
    pub(super) fn require(folder: &Path) -> Result<Self, Failure> {
        Self::find(folder)?.ok_or_else(|| {
            let reason = format!(
                "neither {} nor a folder above it has this file; `task-host new` makes a project \
                 with one. It says how the component is built:\n\n{EXAMPLE}",
                folder.display()
            );
            Failure::setting(FILE, reason)
        })
    }

    fn parse(root: &Path, text: &str) -> Result<Self, Failure> {
        let wrong = |reason: String| Failure::setting(FILE, reason);
        let settings: Settings = toml::from_str(text).map_err(|error| {
            wrong(format!(
                "{}\nA file with all settings:\n\n{EXAMPLE}",
                error.to_string().trim_end()
            ))
        })?;
        if settings.build.command.trim().is_empty() {
            return Err(wrong("[build] command is empty".to_owned()));
        }
        let watched = settings.build.watch.iter().flatten();
        let named = watched.chain([&settings.build.output]);
        for path in named.chain(&settings.dev.seed) {
            if path.as_os_str().is_empty() {
                return Err(wrong("a path is empty".to_owned()));
            }
        }
        let project = Project {
            root: root.to_owned(),
            settings,
        };
        project.seed()?;
        Ok(project)
    }

    /// Returns the component's file.
    pub(super) fn output(&self) -> PathBuf {
        self.root.join(&self.settings.build.output)
    }

    /// Returns the files and folders that the component is built from, relative to the root. `None`: all
    /// that are not hidden.
    pub(super) fn watch(&self) -> Option<&[PathBuf]> {
        self.settings.build.watch.as_deref()
    }

    /// Returns what fills a new database.
    ///
    /// # Errors
    /// [`Failure::Setting`] if its kind is unknown.
    pub(super) fn seed(&self) -> Result<Option<Seed>, Failure> {
        let Some(file) = &self.settings.dev.seed else {
            return Ok(None);
        };
        let path = self.root.join(file);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("sql") => Ok(Some(Seed::Sql(path))),
            Some("hurl") => Ok(Some(Seed::Hurl(path))),
            _ => Err(Failure::setting(
                FILE,
                format!(
                    "[dev] seed: {} is neither a .sql file with statements nor a .hurl file with \
                     requests",
                    file.display()
                ),
            )),
        }
    }

    /// Runs the build command, whose output goes to the terminal.
    ///
    /// # Errors
    /// The command failed, or made no component.
    pub(super) async fn build(&self, purpose: Purpose) -> anyhow::Result<PathBuf> {
        let build = &self.settings.build;
        let mut command = Command::new("sh");
        match purpose {
            Purpose::Development => command.env(DEVELOPMENT, "1"),
            Purpose::Release => command.env_remove(DEVELOPMENT),
        };
        let status = command
            .args(["-c", &build.command])
            .current_dir(&self.root)
            .envs(with_this_program())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await;
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => anyhow::bail!("`{}` failed ({status})", build.command),
            Err(error) => anyhow::bail!("cannot run `{}`: {error}", build.command),
        }
        let output = self.output();
        if !output.is_file() {
            anyhow::bail!(
                "`{}` succeeded but made no {}; correct [build] output in {FILE}",
                build.command,
                build.output.display()
            );
        }
        Ok(output)
    }
}

/// Returns a `PATH` that begins with the folder of this program, so that builds find `task-host`, in this version.
fn with_this_program() -> Option<(&'static str, OsString)> {
    let folder = env::current_exe().ok()?.parent()?.to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = iter::once(folder).chain(env::split_paths(&path));
    Some(("PATH", env::join_paths(folders).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "[build]\ncommand = \"make\"\noutput = \"out/logic.wasm\"\n";

    fn parse(text: &str) -> Result<Project, String> {
        Project::parse(Path::new("/project"), text).map_err(|failure| match failure {
            Failure::Setting(error) => error.to_string(),
            _ => panic!("not a wrong setting"),
        })
    }

    #[test]
    fn a_file_says_how_to_build_and_what_to_watch() {
        let project = parse(MINIMAL).unwrap();
        assert_eq!(project.output(), Path::new("/project/out/logic.wasm"));
        assert_eq!(project.watch(), None);
        assert_eq!(project.seed().ok(), Some(None));

        let all = format!("{MINIMAL}watch = [\"src\"]\n[dev]\nseed = \"requests/seed.hurl\"");
        let project = parse(&all).unwrap();
        assert_eq!(project.watch(), Some([PathBuf::from("src")].as_slice()));
        let seed = Seed::Hurl("/project/requests/seed.hurl".into());
        assert_eq!(project.seed().ok(), Some(Some(seed)));
    }

    #[test]
    fn the_example_of_the_messages_is_a_valid_file() {
        let project = parse(EXAMPLE).unwrap();
        let seed = Seed::Sql("/project/seed.sql".into());
        assert_eq!(project.seed().ok(), Some(Some(seed)));
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named_with_its_line() {
        let wrong = parse(&format!("{MINIMAL}comand = \"make\"\n")).unwrap_err();
        assert!(wrong.starts_with("task-host.toml: "), "{wrong}");
        assert!(wrong.contains("line 4"), "{wrong}");
        assert!(wrong.contains("unknown field `comand`"), "{wrong}");
        assert!(wrong.contains("A file with all settings"), "{wrong}");
    }

    #[test]
    fn what_is_missing_or_empty_is_named() {
        let wrong = parse("").unwrap_err();
        assert!(wrong.contains("missing field `build`"), "{wrong}");
        let wrong = parse("[build]\ncommand = \" \"\noutput = \"a\"").unwrap_err();
        assert!(wrong.contains("[build] command is empty"), "{wrong}");
        let wrong = parse(&format!("{MINIMAL}[dev]\nseed = \"seed.json\"")).unwrap_err();
        assert!(wrong.contains("seed.json is neither"), "{wrong}");
    }

    #[test]
    fn the_file_is_found_from_a_folder_below() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("src/deep");
        fs::create_dir_all(&below).unwrap();
        fs::write(folder.path().join(FILE), MINIMAL).unwrap();
        let found = Project::find(&below).ok().flatten().unwrap();
        assert_eq!(found.root, folder.path());
    }

    #[tokio::test]
    async fn a_build_that_fails_or_makes_nothing_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        let project = |command: &str| {
            let text = format!("[build]\ncommand = \"{command}\"\noutput = \"logic.wasm\"");
            Project::parse(folder.path(), &text).ok().unwrap()
        };
        let failed = project("exit 3")
            .build(Purpose::Release)
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(failed, "`exit 3` failed (exit status: 3)");
        let nothing = project("true")
            .build(Purpose::Release)
            .await
            .unwrap_err()
            .to_string();
        assert!(nothing.contains("made no logic.wasm"), "{nothing}");
        let output = project("echo > logic.wasm")
            .build(Purpose::Release)
            .await
            .unwrap();
        assert_eq!(output, folder.path().join("logic.wasm"));
        let asks = project("test x$TASK_HOST_DEV = x1");
        assert!(asks.build(Purpose::Development).await.is_ok());
        assert!(asks.build(Purpose::Release).await.is_err());
    }
}
