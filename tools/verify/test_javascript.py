"""Makes a project in TypeScript with `task-host new`, checks and tests it, and then the bookmarks service of
`examples/bookmarks/typescript` in the same place: types, statements and problems of the SDK; and JavaScript's random
numbers, clock, output and errors, which engines get wrong if nothing is done about it.

The engine is QuickJS. With TASK_HOST_STARLINGMONKEY=1 all of it runs on StarlingMonkey, too, which takes minutes: its
packages have 400 MB, and the host compiles 13 MB."""

import json
import os
import re
import shutil
import time

import pytest

from conftest import ROOT, run, tool
from task_host_testkit import Host, get_json, send, wait_for

EXAMPLE = ROOT / "examples/bookmarks/typescript"
SDK = ROOT / "sdk/typescript"
URL = "https://example.com/caf%C3%A9"
ENGINES = ["quickjs", *(["starlingmonkey"] if os.environ.get("TASK_HOST_STARLINGMONKEY") == "1" else [])]
# A debug build compiles a component on a busy machine.
LIMIT = 600


def environment(host_binary):
    """The pinned Node comes first, and `task-host` is the one that is tested."""
    kept = {name: value for name, value in os.environ.items() if "TASK_HOST_" not in name}
    path = os.pathsep.join([str(tool("node").parent), str(host_binary.parent), kept["PATH"]])
    return kept | {"PATH": path, "NO_PROXY": "*", "npm_config_update_notifier": "false"}


@pytest.fixture(scope="module")
def project(host_binary, tmp_path_factory):
    """A new project with its packages. Returns a function that runs a command in it, or in another folder."""
    folder = tmp_path_factory.mktemp("typescript")
    variables = environment(host_binary)

    def command(*words, cwd=folder / "notes"):
        return run(*words, cwd=cwd, env=variables)

    command("task-host", "new", "notes", "--lang", "typescript", cwd=folder)
    command("npm", "install", "--no-audit", "--no-fund")
    return command


@pytest.fixture(scope="module")
def bookmarks(project, tmp_path_factory):
    """The example, with the packages of the new project."""
    folder = tmp_path_factory.mktemp("bookmarks") / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "package-lock.json"))
    packages = project("node", "-p", "process.cwd()").strip() + "/node_modules"
    (folder / "node_modules").symlink_to(packages)
    return folder


@pytest.fixture(scope="module", params=ENGINES)
def service(project, bookmarks, host_binary, tmp_path_factory, request):
    engine = request.param
    if engine == "starlingmonkey":
        project("npm", "install", "--no-audit", "--no-fund", "@bytecodealliance/componentize-js@0.23.0")
    component = f"dist/{engine}.wasm"
    project("npm", "run", "build", "--", "--engine", engine, "--out", component, cwd=bookmarks)
    settings = {
        "TASK_HOST_DATABASE": "sqlite::memory:",
        "TASK_HOST_COMPONENT": str(bookmarks / component),
        "TASK_HOST_MEMORY_LIMIT": "32MiB",
        "TASK_HOST_COMPILE_TIMEOUT": f"{LIMIT}s",
    }
    log = tmp_path_factory.mktemp("host") / "log"
    with Host(host_binary, settings, log, limit=LIMIT) as host:
        yield host


def test_a_new_project_passes_its_checks_and_tests(project):
    project("npm", "run", "check")
    assert "ℹ fail 0" in project("npm", "test")
    # Builds the component, and plays the requests.
    played = project("task-host", "test")
    assert played.rstrip().endswith(": all passed")


def test_the_sdk_passes_its_own_tests(project):
    """Its tests are beside the copy of it that the project has."""
    here = project("node", "-p", "process.cwd()").strip() + "/sdk"
    shutil.copytree(SDK / "test", f"{here}/test")
    project("npm", "run", "check", cwd=here)
    assert "ℹ fail 0" in project("npm", "test", cwd=here)
    shutil.rmtree(f"{here}/test")


def test_the_example_passes_its_own_tests(project, bookmarks):
    project("npm", "run", "check", cwd=bookmarks)
    assert "ℹ fail 0" in project("npm", "test", cwd=bookmarks)


def test_a_type_that_does_not_fit_is_an_error_with_its_line(project, bookmarks):
    source = bookmarks / "src/service.ts"
    text = source.read_text()
    source.write_text(text.replace("draft.url})", "draft.address})"))
    try:
        with pytest.raises(AssertionError, match=r"src/service\.ts.*Property 'address' does not exist"):
            project("npm", "run", "check", cwd=bookmarks)
    finally:
        source.write_text(text)


def entries(host):
    return [json.loads(line) for line in host.running().splitlines()]


def logged(host, message):
    """Waits for the line of the logic with this message. Returns its level and its fields."""
    found = lambda: [entry for entry in entries(host) if entry["message"] == message and "logic" in entry]
    entry = wait_for(message, found)[0]
    return entry["level"], json.loads(entry["logic"])


def test_bookmarks_are_kept_listed_and_deleted(service):
    status, saved = send("POST", f"{service.url}/bookmarks", {"url": URL})
    assert (status, saved["url"]) == (201, URL)
    path = f"{service.url}/bookmarks/{saved['id']}"
    assert get_json(path) == saved
    assert get_json(f"{service.url}/bookmarks?q=example&limit=1") == [saved]
    status, problem = send("POST", f"{service.url}/bookmarks", {"url": URL})
    assert (status, problem["title"]) == (409, "This address is already saved")
    assert problem["type"].endswith("already-saved")
    assert send("DELETE", path) == (204, None)
    assert send("GET", path)[0] == 404
    assert get_json(f"{service.url}/health")["bookmarks"] == 0


def test_a_value_out_of_bounds_is_refused_with_its_place(service):
    for body in ({"url": "no address"}, {"url": "https://example.com/" + "a" * 2048}, {"url": 1}, {}):
        status, problem = send("POST", f"{service.url}/bookmarks", body)
        assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["#/url"])
    # TypeScript has integers of 53 bits.
    status, problem = send("GET", f"{service.url}/bookmarks/{2**53}")
    assert (status, problem["errors"][0]["pointer"]) == (422, "#/path/id")


def test_comments_and_bounds_are_in_the_documentation(service):
    document = get_json(f"{service.url}/openapi.json")
    assert document["info"]["title"] == "Bookmarks"
    assert document["paths"]["/bookmarks"]["post"]["summary"] == "Saves an address"
    draft = document["components"]["schemas"]["Draft"]
    assert draft["description"] == "A new bookmark."
    url = draft["properties"]["url"]
    assert (url["description"], url["maxLength"], url["format"]) == ("The address.", 2048, "uri")


def test_random_numbers_are_new_in_every_request_and_the_clock_is_right(service):
    samples = [get_json(f"{service.url}/chance") for _ in range(3)]
    for sample in samples:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", sample["uuid"])
        assert all(0 <= number < 1 for number in sample["numbers"])
        assert abs(sample["clock"] - time.time()) < 5
    assert len({sample["uuid"] for sample in samples}) == 3
    assert len({number for sample in samples for number in sample["numbers"]}) == 6
    assert len({tuple(sample["bytes"]) for sample in samples}) == 3
    assert samples[0]["clock"] < samples[2]["clock"]


def test_output_is_in_the_log(service):
    assert send("GET", f"{service.url}/print?text=hello") == (204, None)
    assert logged(service, 'hello {"length":5}') == ("INFO", {})
    assert logged(service, "hello") == ("ERROR", {})


def test_an_error_is_in_the_log_with_its_type_message_and_line(service):
    status, problem = send("GET", f"{service.url}/panic?message=at+the+disco")
    assert (status, problem["title"]) == (500, "The service failed")
    assert "disco" not in json.dumps(problem)
    level, fields = logged(service, "TypeError: at the disco")
    source = (EXAMPLE / "src/standard-library.ts").read_text().splitlines()
    line = 1 + source.index("    throw new TypeError(message);")
    # StarlingMonkey knows functions by their name in the source.
    stack = fields.pop("exception.stacktrace").replace("at run (", "at panic (")
    assert stack == f"TypeError: at the disco\n    at panic (src/standard-library.ts:{line})"
    assert (level, fields) == ("ERROR", {"exception.type": "TypeError", "exception.message": "at the disco"})


def test_a_failed_statement_is_in_the_log_with_its_line(service):
    status, problem = send("GET", f"{service.url}/broken")
    assert (status, problem["title"]) == (500, "The service failed")
    assert "no_such_column" not in json.dumps(problem)
    _, fields = logged(service, "StatementError: no such column: no_such_column at byte 7")
    assert fields["db.query.text"] == "select no_such_column from bookmarks"
    assert "(src/standard-library.ts:" in fields["exception.stacktrace"]


def test_a_value_of_every_type_comes_back(service):
    value = {
        "text": "é🙂", "whole": 2**53 - 1, "fraction": 1.5, "yes": True, "bytes": "AP8=",
        "due_at": "2026-11-30T10:00:00.123Z", "size": "very_large",
        "shapes": [{"case": "circle", "value": 2.5}, {"case": "no_shape"}], "inner": {"size": "small"},
        "numbers": {"a": 1, "b": None}, "change": None,
    }
    assert send("PATCH", f"{service.url}/echo", value) == (200, value)
    # Absent is not null in a merge patch.
    del value["change"]
    assert send("PATCH", f"{service.url}/echo", value | {"inner": None}) == (200, value | {"inner": None})


def test_limits_hold(service):
    assert send("GET", f"{service.url}/busy")[0] == 504
    assert send("GET", f"{service.url}/hungry")[0] == 500
    # Other requests do not notice.
    assert get_json(f"{service.url}/bookmarks") == []
