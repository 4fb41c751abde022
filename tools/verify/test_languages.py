"""Builds the bookmarks service of `examples/bookmarks` in Python, without stubs, and uses it: the standard
library's clock, random numbers, output and exceptions work as in any other program."""

import json
import re
import time
import urllib.error
import urllib.request

import pytest

from conftest import ROOT, run, tool
from task_host_testkit import HTTP, Host, get_json, wait_for

EXAMPLE = ROOT / "examples/bookmarks"
URL = "https://example.com/é"


@pytest.fixture(scope="module")
def service(host_binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("python")
    file = folder / "bookmarks.wasm"
    command = [tool("componentize-py"), "-d", EXAMPLE / "wit", "-w", "service", "componentize"]
    run(*command, "-p", EXAMPLE / "python", "app", "-o", file)
    settings = {"TASK_HOST_DATABASE": "sqlite::memory:", "TASK_HOST_COMPONENT": str(file)}
    # A debug build compiles 18 MB on a busy machine.
    with Host(host_binary, settings, folder / "log", limit=120) as host:
        yield host


def lines(host, stream):
    """Returns the messages that the logic has written to a stream."""
    entries = [json.loads(line) for line in host.running().splitlines()]
    return [entry["message"] for entry in entries if stream in entry.get("logic", "")]


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
    for stream in ("stdout", "stderr"):
        wait_for(f"{stream} is in the log", lambda: "hello" in lines(service, stream))


def test_an_exception_is_in_the_log_with_its_type_message_and_line(service):
    with pytest.raises(urllib.error.HTTPError, match="500"):
        get_json(f"{service.url}/panic?message=at+the+disco")
    wait_for("the error", lambda: "RuntimeError: at the disco" in lines(service, "stderr"))
    source = (EXAMPLE / "python/app.py").read_text().splitlines()
    number = 1 + source.index("        raise RuntimeError(message)")
    assert any(f'app.py", line {number}, in panic' in line for line in lines(service, "stderr"))
