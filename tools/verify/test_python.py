"""The SDK for Python passes its own tests, can be installed, and puts a saved change into service quickly."""

import os
import re
import shutil
import sys
import urllib.error

import pytest

from conftest import ROOT, run
from task_host_testkit import Process, get_json, wait_for

SDK = ROOT / "sdk/python"


def test_the_sdk_passes_its_own_tests():
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", SDK / "tests", cwd=SDK)


def test_the_sdk_can_be_installed(tmp_path):
    source, installed = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(SDK, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run(*pip, "--no-build-isolation", "--target", installed, source)
    command = "import task_host.wit as wit; print((wit.PACKAGES / 'platform/world.wit').exists())"
    assert run(sys.executable, "-c", command, cwd=installed) == "True\n"


def test_a_saved_change_replaces_only_the_services_modules(host_binary, tmp_path):
    run(host_binary, "new", "price-list", "--lang", "python", cwd=tmp_path)
    project, log = tmp_path / "price-list", tmp_path / "price-list/dev.log"
    # The tests' Python is the one that the project's build command finds. It has the packages of requirements.txt.
    outside = {name: value for name, value in os.environ.items() if "TASK_HOST_" not in name}
    environment = {**outside, "PATH": f"{os.path.dirname(sys.executable)}:{outside['PATH']}"}
    command = [host_binary, "dev", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]
    with Process(command, log, environment) as dev:

        def waits(count):
            mark = "waiting for a change…"
            wait_for(f"{count} builds", lambda: dev.running().count(mark) == count, deadline=120)
            return log.read_text()

        [url] = re.findall(r"API +(http://\S+)/\n", waits(1))
        assert [note["text"] for note in get_json(f"{url}/notes")] == ["Buy milk", "Call home"]
        # The component with the interpreter, and its machine code.
        kept = [project / ".task-host/python/base.wasm", *(project / ".task-host/code-cache").glob("slot-*")]
        made = [file.stat().st_mtime_ns for file in kept]
        assert len(made) == 2

        change(project / "app.py", "There is no such note", "No such note")
        assert "live, " in waits(2)
        with pytest.raises(urllib.error.HTTPError) as missing:
            get_json(f"{url}/notes/99")
        assert b'"No such note"' in missing.value.read()
        assert [file.stat().st_mtime_ns for file in kept] == made

        change(project / "app.py", "def get(id: int) -> Note:", "def get(id: int) -> Not:")
        said = waits(3)
        assert "NameError: name 'Not' is not defined" in said
        assert "the logic before it stays in service" in said


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
