"""Lints the OpenAPI documents of the components with Spectral, and its rules for OpenAPI."""

import shutil

from conftest import ROOT, run, tool


def test_the_linter_finds_nothing_in_the_documents(documents, tmp_path):
    for name in ("package.json", "package-lock.json", "rules.yaml"):
        shutil.copy(ROOT / "tools/spectral" / name, tmp_path)
    # Scripts of packages are not needed, and would run before anything was checked.
    run(tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=tmp_path)
    spectral = tmp_path / "node_modules/@stoplight/spectral-cli/dist/index.js"
    lint = [tool("node"), spectral, "lint", "--ruleset", "rules.yaml", "--fail-severity", "hint"]
    run(*lint, *documents.values(), cwd=tmp_path)
