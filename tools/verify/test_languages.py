"""Builds the bookmarks service of `examples/bookmarks` in Python, without stubs, and uses it: the SDK's types,
statements and problems, and the standard library's clock, random numbers, output and exceptions work as in any other
program."""

import json
import os
import re
import shutil
import sys
import time
import urllib.error

import pytest

from conftest import ROOT, run
from task_host_testkit import HTTP, Host, get_json, send, wait_for

EXAMPLE = ROOT / "examples/bookmarks/python"
URL = "https://example.com/"


@pytest.fixture(scope="module")
def service(host_binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("python")
    project, file = folder / "project", folder / "bookmarks.wasm"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sdk/python")}
    run(sys.executable, "-m", "task_host", "build", "--output", file, cwd=project, env=environment)
    settings = {"TASK_HOST_DATABASE": "sqlite::memory:", "TASK_HOST_COMPONENT": str(file)}
    # A debug build compiles 18 MB on a busy machine.
    with Host(host_binary, settings, folder / "log", limit=300) as host:
        yield host


def entries(host):
    return [json.loads(line) for line in host.running().splitlines()]


def lines(host, stream):
    """Returns the messages that the logic has written to a stream."""
    return [entry["message"] for entry in entries(host) if stream in entry.get("logic", "")]


def logged(host, beginning):
    """Waits for the line of the log that begins like this, and returns its level and its fields."""

    def found():
        return [entry for entry in entries(host) if entry["message"].startswith(beginning) and "logic" in entry]

    entry = wait_for(beginning, found)[0]
    return entry["level"], json.loads(entry["logic"])


def test_bookmarks_are_kept_and_deleted(service):
    status, saved = send("POST", f"{service.url}/bookmarks", {"url": URL})
    assert (status, saved["url"]) == (201, URL)
    path = f"{service.url}/bookmarks/{saved['id']}"
    assert get_json(path) == saved
    assert get_json(f"{service.url}/bookmarks") == [saved]
    assert get_json(f"{service.url}/bookmarks?q=elsewhere") == []
    assert get_json(f"{service.url}/health")["bookmarks"] == 1
    assert send("DELETE", path) == (204, None)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get_json(path)


def test_a_long_list_has_pages(service):
    for number in range(3):
        send("POST", f"{service.url}/bookmarks", {"url": f"https://example.com/pages/{number}"})
    first = HTTP.open(f"{service.url}/bookmarks?q=pages&limit=2", timeout=10)
    assert len(json.load(first)) == 2
    [path] = re.findall(r"<(.*)>; rel=\"next\"", first.headers["link"])
    assert [bookmark["url"] for bookmark in get_json(f"{service.url}{path}")] == ["https://example.com/pages/2"]


def test_a_broken_rule_is_a_problem_and_keeps_nothing(service):
    body = {"url": "https://example.com/twice"}
    assert send("POST", f"{service.url}/bookmarks", body)[0] == 201
    status, problem = send("POST", f"{service.url}/bookmarks", body)
    assert (status, problem["title"]) == (409, "This address is already saved")
    assert problem["type"].endswith("already-saved")
    assert len(get_json(f"{service.url}/bookmarks?q=twice")) == 1


def test_the_host_refuses_what_breaks_a_constraint(service):
    for url in ("no address", f"https://example.com/{'x' * 2048}"):
        status, problem = send("POST", f"{service.url}/bookmarks", {"url": url})
        assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["#/url"])
    draft = get_json(f"{service.url}/openapi.json")["components"]["schemas"]["Draft"]
    assert draft["description"] == "A new bookmark."
    url = draft["properties"]["url"]
    assert (url["maxLength"], url["format"], url["description"]) == (2048, "uri", "The address.")


def test_random_numbers_are_new_and_the_clock_is_right(service):
    one, other = (get_json(f"{service.url}/uuid") for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one)
    assert one != other
    # The state of this module is a part of the component.
    assert len({get_json(f"{service.url}/random") for _ in range(3)}) == 3
    assert abs(get_json(f"{service.url}/clock") - time.time()) < 5


def test_output_is_in_the_log(service):
    assert send("GET", f"{service.url}/print?text=h%C3%A9llo") == (204, None)
    for stream in ("stdout", "stderr"):
        wait_for(f"{stream} is in the log", lambda: "héllo" in lines(service, stream))


def line_of(text):
    return 1 + (EXAMPLE / "app.py").read_text().splitlines().index(text)


def test_an_exception_is_in_the_log_with_its_type_message_and_line(service):
    status, problem = send("GET", f"{service.url}/panic?message=at+the+disco")
    assert (status, problem["title"]) == (500, "The service failed")
    assert "disco" not in json.dumps(problem)
    level, fields = logged(service, "RuntimeError: at the disco")
    assert (level, fields["exception.type"]) == ("ERROR", "RuntimeError")
    code = "    raise RuntimeError(message)"
    assert f'File "app.py", line {line_of(code)}, in panic\n{code}\n' in fields["exception.stacktrace"]


def test_a_failed_statement_is_in_the_log_and_not_in_the_answer(service):
    status, problem = send("GET", f"{service.url}/defect")
    assert status == 500
    assert "no_such_column" not in json.dumps(problem)
    _, fields = logged(service, "StatementFailed: no such column: no_such_column")
    assert fields["db.query.text"] == "select no_such_column from bookmarks"
    assert fields["code.line.number"] == str(line_of('    return sql("select no_such_column from bookmarks").one(int)'))
