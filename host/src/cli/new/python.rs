//! The template for Python, and the SDK that a project gets a copy of: no package index has it.

use super::File;

pub(super) const TEMPLATE: [File; 10] = [
    (
        ".github/workflows/test.yml",
        include_str!("python/ci.yml.template"),
    ),
    (".gitignore", include_str!("python/gitignore")),
    ("README.md", include_str!("python/README.template")),
    ("app.py", include_str!("python/app.py")),
    (
        "pyproject.toml",
        include_str!("python/pyproject.toml.template"),
    ),
    ("requirements.txt", include_str!("python/requirements.txt")),
    (
        "sdk/README.md",
        include_str!("../../../../sdk/python/README.md"),
    ),
    (
        "task-host.toml",
        include_str!("python/task-host.toml.template"),
    ),
    (
        "tests/conftest.py",
        include_str!("python/tests/conftest.py"),
    ),
    (
        "tests/test_app.py",
        include_str!("python/tests/test_app.py"),
    ),
];

/// The files of the package, without the WIT: `task-host wit` writes that.
macro_rules! sdk {
    ($($name:literal)*) => {
        [$((
            concat!("sdk/task_host/", $name),
            include_str!(concat!("../../../../sdk/python/task_host/", $name)),
        )),*]
    };
}
pub(super) const SDK: [File; 19] = sdk! {
    "__init__.py" "__main__.py" "build.py" "checks.py" "component.py" "environment.py" "files.py" "modules.py"
    "names.py" "page.py" "platform.py" "problem.py" "py.typed" "reload.py" "service.py" "sql.py" "testing.py"
    "types.py" "wit.py"
};
