"""The SDK for Python passes its own tests, can be installed, and puts a saved change into service quickly."""

import os
import re
import shutil
import sys
import urllib.error

import pytest

from conftest import ROOT, run
from task_host_testkit import Host, Process, get_json, send, wait_for

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


@pytest.fixture(scope="module")
def shop(host_binary, tmp_path_factory):
    """The service of the SDK's own tests, as a component for development, which is made of the same modules."""
    folder = tmp_path_factory.mktemp("shop")
    project, file = folder / "project", folder / "shop.wasm"
    shutil.copytree(SDK / "tests", project, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(SDK), "TASK_HOST_DEV": "1"}
    run(sys.executable, "-m", "task_host", "build", "shop", "--output", file, cwd=project, env=environment)
    settings = {"TASK_HOST_DATABASE": "sqlite::memory:", "TASK_HOST_COMPONENT": str(file)}
    with Host(host_binary, settings, folder / "log", limit=300) as host:
        yield host


def test_values_of_all_types_cross_the_components_boundary(shop):
    ladder = {"name": "Ladder", "price": 20, "tags": ["high"], "sizes": {"m": 3}}
    saved = {"id": 1, "name": "Ladder", "price": 20.0, "state": "on_sale", "sold_at": None}
    assert send("POST", f"{shop.url}/items", ladder) == (201, saved)
    assert get_json(f"{shop.url}/items") == [saved]
    assert get_json(f"{shop.url}/items?state=sold") == []
    sold = saved | {"state": "sold", "sold_at": "2026-03-01T12:30:00.250Z"}
    status, answer = send("POST", f"{shop.url}/items/1/sale", sold["sold_at"])
    assert (status, answer) == (200, sold)
    status, problem = send("POST", f"{shop.url}/items/1/sale", None)
    assert (status, problem["detail"]) == (409, "It was sold at 2026-03-01 12:30:00.250000+00:00.")
    assert get_json(f"{shop.url}/items?state=sold&since=2026-01-01T00:00:00Z") == [sold]


def test_a_member_that_a_patch_leaves_out_is_not_null(shop):
    assert send("POST", f"{shop.url}/items", {"name": "Rope", "price": 5})[0] == 201
    [rope] = [item for item in get_json(f"{shop.url}/items") if item["name"] == "Rope"]
    path = f"{shop.url}/items/{rope['id']}"
    assert send("PATCH", path, {}) == (204, None)
    assert send("PATCH", path, {"name": None})[0] == 422
    assert get_json(path)["name"] == "Rope"
    assert send("PATCH", path, {"name": "Long rope"}) == (204, None)
    assert get_json(path)["name"] == "Long rope"


def test_a_value_of_a_union_is_tagged(shop):
    path = f"{shop.url}/items/1/payments"
    card = {"case": "card", "value": {"number": "1234", "expires": "2027-01-01T00:00:00Z"}}
    assert send("POST", path, {"payment": card}) == (200, [card, {"case": "cash"}])
    assert send("POST", path, {"payment": {"case": "cash"}, "rest": card}) == (200, [{"case": "cash"}, card])
    for payment, pointer in [
        ({"case": "coins"}, "#/payment/case"),
        ({"case": "card", "value": {"number": "1"}}, "#/payment/value/number"),
    ]:
        status, problem = send("POST", path, {"payment": payment})
        assert (status, [error["pointer"] for error in problem["errors"]]) == (422, [pointer])
    payment = get_json(f"{shop.url}/openapi.json")["components"]["schemas"]["Payment"]
    assert payment["description"] == "How something is paid."


def test_each_part_of_a_value_has_its_bounds(shop):
    status, problem = send("POST", f"{shop.url}/items", {"name": "", "price": -1, "tags": ["a", "B"]})
    assert status == 422
    assert sorted(error["pointer"] for error in problem["errors"]) == ["#/name", "#/price", "#/tags/1"]


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
            wait_for(f"{count} builds", lambda: dev.running().count(mark) == count, deadline=300)
            return log.read_text()

        said = waits(1)
        assert "live (build " in said, said
        [url] = re.findall(r"API +(http://\S+)/\n", said)
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
