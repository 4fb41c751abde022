//! The template for TypeScript.

use super::File;

pub(super) const TEMPLATE: [File; 8] = [
    (
        ".github/workflows/test.yml",
        include_str!("typescript/ci.yml.template"),
    ),
    (".gitignore", include_str!("typescript/gitignore")),
    ("README.md", include_str!("typescript/README.template")),
    (
        "package.json",
        include_str!("typescript/package.json.template"),
    ),
    ("src/service.ts", include_str!("typescript/src/service.ts")),
    (
        "task-host.toml",
        include_str!("typescript/task-host.toml.template"),
    ),
    (
        "test/service.test.ts",
        include_str!("typescript/test/service.test.ts"),
    ),
    (
        "tsconfig.json",
        include_str!("typescript/tsconfig.json.template"),
    ),
];
