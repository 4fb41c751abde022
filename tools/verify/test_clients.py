"""Carries out docs/CLIENTS.md as it is written: makes a TypeScript and a Python client with public generators,
checks their types, and uses both against a host. Also makes clients of the other components."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from conftest import ROOT, run, tool
from pages import Run

# The programs that the pinned packages have installed, also node and npm.
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")


def test_the_page_about_clients_works_as_it_is_written(host_binary, component, tmp_path):
    with Run(host_binary, ROOT, tmp_path) as page:
        shutil.copy(component, page.working / "tasks.wasm")
        page.carry_out((ROOT / "docs/CLIENTS.md").read_text())


@pytest.mark.parametrize("name", ["bookmarks", "counter", "gadgets"])
def test_a_client_of_every_operation_can_be_made(documents, tmp_path, name):
    generate = [tool("openapi-python-client"), "generate", "--meta", "none", "--fail-on-warning"]
    run(*generate, "--path", documents[name], "--output-path", tmp_path / "client", cwd=tmp_path)
