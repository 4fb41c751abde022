//! The template for Python.

use super::File;

pub(super) const TEMPLATE: [File; 9] = [
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
