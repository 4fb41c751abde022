//! The files of a project in TypeScript: the template, and the SDK, which is on no registry.

use super::File;

/// The files below `new/typescript`.
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

/// Each file of the SDK, and its text. The WIT that it needs is not among them: `wit::write` adds it.
macro_rules! sdk {
    ($($path:literal),+ $(,)?) => {
        &[$((
            concat!("sdk/", $path),
            include_str!(concat!("../../../../sdk/typescript/", $path)),
        )),+]
    };
}

/// The files of the SDK.
pub(super) const SDK: &[File] = sdk![
    "README.md",
    "bin/task-host-sdk.js",
    "build/build.js",
    "build/bundle.js",
    "build/docs.js",
    "build/files.js",
    "build/lines.js",
    "build/test.js",
    "package.json",
    "src/component.ts",
    "src/describe.ts",
    "src/engine.ts",
    "src/index.ts",
    "src/names.ts",
    "src/operation.ts",
    "src/page.ts",
    "src/platform.ts",
    "src/problem.ts",
    "src/request.ts",
    "src/service.ts",
    "src/sql.ts",
    "src/stack.ts",
    "src/testing.ts",
    "src/types.ts",
    "src/utf8.ts",
    "tsconfig.json",
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::SDK;

    #[test]
    fn every_file_of_the_sdk_is_in_the_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/typescript");
        let mut expected = vec![
            "sdk/README.md".to_owned(),
            "sdk/package.json".to_owned(),
            "sdk/tsconfig.json".to_owned(),
        ];
        for folder in ["bin", "build", "src"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name();
                expected.push(format!("sdk/{folder}/{}", name.to_str().unwrap()));
            }
        }
        expected.sort();
        let names: Vec<_> = SDK.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected);
    }
}
