"""Builds the bookmarks service of `examples/bookmarks` in C and in Go, in a project of `task-host new`, and uses it: the
standard library's clock, random numbers, output and failures work as in any other program."""

import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request

import pytest

from conftest import ROOT, needs, run, tool
from task_host_testkit import HTTP, Host, get_json, wait_for

EXAMPLE = ROOT / "examples/bookmarks"
URL = "https://example.com/é"


def in_c(project):
    for program, package in (("clang", "clang"), ("wasm-ld", "lld"), ("make", "make")):
        needs(program, package)
    shutil.copy(EXAMPLE / "c/bookmarks.c", project / "src/notes.c")
    return ["make"]


def in_go(project):
    for folder in ("export_bookmarks_api_notes", "migrations"):
        shutil.rmtree(project / folder)
    shutil.copytree(EXAMPLE / "go", project, dirs_exist_ok=True)
    return ["sh", "build.sh"]


@pytest.fixture(scope="module", params=[("c", in_c), ("go", in_go)], ids=["c", "go"])
def service(host_binary, tmp_path_factory, request):
    language, prepare = request.param
    folder = tmp_path_factory.mktemp(language)
    project = folder / "bookmarks"
    path = os.pathsep.join([str(host_binary.parent), str(tool("go").parent), os.environ["PATH"]])
    variables = os.environ | {"PATH": path, "GOTOOLCHAIN": "local", "GOPROXY": "off"}
    run(host_binary, "new", "bookmarks", "--lang", language, cwd=folder)
    build = prepare(project)
    shutil.copy(EXAMPLE / "wit/bookmarks.wit", project / "wit/service.wit")
    run(*build, cwd=project, env=variables)
    component = project / "build/bookmarks.wasm"
    settings = {"TASK_HOST_DATABASE": "sqlite::memory:", "TASK_HOST_COMPONENT": str(component)}
    # A debug build compiles 3 MB on a busy machine.
    with Host(host_binary, settings, folder / "log", limit=120) as host:
        yield host


def lines(host):
    """Returns the messages that the logic has written."""
    entries = [json.loads(line) for line in host.running().splitlines()]
    return [entry["message"] for entry in entries if "logic" in entry]


def test_bookmarks_are_kept_and_deleted(service):
    body = json.dumps({"url": URL}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{service.url}/bookmarks", body, headers)
    with HTTP.open(request, timeout=10) as answer:
        assert answer.status == 201
        saved = json.load(answer)
    assert saved["url"] == URL
    path = f"{service.url}/bookmarks/{saved['id']}"
    assert get_json(path) == saved
    assert get_json(f"{service.url}/bookmarks") == [saved]
    with HTTP.open(urllib.request.Request(path, method="DELETE"), timeout=10) as answer:
        assert answer.status == 204
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get_json(path)


def test_random_numbers_are_new_and_the_clock_is_right(service):
    one, other = (get_json(f"{service.url}/uuid") for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one)
    assert one != other
    assert abs(get_json(f"{service.url}/clock") - time.time()) < 5


def test_output_is_in_the_log(service):
    with HTTP.open(f"{service.url}/print?text=hello", timeout=10) as answer:
        assert answer.status == 204
    wait_for("both lines", lambda: lines(service).count("hello") == 2)


def test_a_failure_is_in_the_log_with_its_message_and_line(service):
    with pytest.raises(urllib.error.HTTPError, match="500"):
        get_json(f"{service.url}/panic?message=at+the+disco")
    wait_for("the message", lambda: any("at the disco" in line for line in lines(service)))
    place = r"(notes\.c:\d+: at the disco|bookmarks\.go:\d+)"
    wait_for("the line", lambda: any(re.search(place, line) for line in lines(service)))


def test_the_api_has_the_documentation_of_the_wit(service):
    api = get_json(f"{service.url}/openapi.json")
    assert api["paths"]["/bookmarks"]["post"]["summary"] == "Saves an address"
