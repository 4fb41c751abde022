"""Uses `/mcp` as agents do: the page docs/AGENTS.md as it is written, the official clients for Python and TypeScript,
and the official conformance suite. The clients stay connected while the logic is replaced."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import ToolListChangedNotification

from conftest import ROOT, run, tool
from pages import Run
from task_host_testkit import Host, get_json

# The conformance suite tests a server that was made for it, with tools, resources and prompts of certain names. These
# are the scenarios about the protocol itself.
SCENARIOS = ["server-initialize", "ping", "tools-list", "server-sse-multiple-streams", "dns-rebinding-protection"]
TOOLS = [
    "simple_tasks_create", "simple_tasks_delete", "simple_tasks_get", "simple_tasks_list", "simple_tasks_update",
    "tasks_count", "tasks_create", "tasks_create_bulk", "tasks_delete", "tasks_get", "tasks_list",
    "tasks_list_changes", "tasks_measure_productivity", "tasks_recount", "tasks_reindex", "tasks_restore",
    "tasks_summarize", "tasks_update",
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The folder with the pinned packages of npm."""
    folder = tmp_path_factory.mktemp("npm")
    for file in (ROOT / "tools/mcp").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    run(tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    return folder


@pytest.fixture
def host(host_binary, component, tmp_path):
    settings = {
        "TASK_HOST_DATABASE": "sqlite::memory:",
        "TASK_HOST_COMPONENT": str(component),
        "TASK_HOST_PROBATION": "100ms",
    }
    with Host(host_binary, settings, tmp_path / "log") as serving:
        yield serving


def replace_logic(host_binary, host, component, folder):
    """Deploys another component: the same one with a custom section, so that it has another digest."""
    other = folder / "other.wasm"
    other.write_bytes(component.read_bytes() + b"\0\x06\x05other")
    run(host_binary, "deploy", other, "--to", host.admin_url)


def test_the_page_about_agents_works_as_it_is_written(host_binary, component, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with Run(host_binary, ROOT, tmp_path) as page:
        shutil.copy(component, page.working / "tasks.wasm")
        page.carry_out((ROOT / "docs/AGENTS.md").read_text())


@pytest.mark.parametrize("mode", ["auto", "legacy", "bridge"])
def test_the_python_client_uses_the_tools_while_the_logic_is_replaced(host_binary, host, component, mode, tmp_path):
    bridge = StdioServerParameters(command=str(host_binary), args=["mcp", "--to", host.url])
    server, mode = (bridge, "legacy") if mode == "bridge" else (f"{host.url}/mcp", mode)

    async def use():
        changed = asyncio.Event()

        async def receive(message):
            if isinstance(message, ToolListChangedNotification):
                changed.set()

        async with Client(server, mode=mode, message_handler=receive) as client:
            listed = (await client.list_tools()).tools
            assert sorted(each.name for each in listed) == TOOLS
            created = await client.call_tool("tasks_create", {"title": "From Python", "category": "feature"})
            assert created.structured_content == get_json(f"{host.url}/tasks/1")
            listed = await client.call_tool("tasks_list", {"tags": ["none"], "limit": 1})
            assert listed.structured_content == {"tasks": [], "next": None}
            tried = await client.call_tool("tasks_delete", {"id": 1, "dry_run": True})
            assert not tried.is_error and get_json(f"{host.url}/tasks/1")["id"] == 1
            failed = await client.call_tool("tasks_create", {"title": "x", "category": "feature"})
            problem = json.loads(failed.content[0].text)
            assert failed.is_error and [error["pointer"] for error in problem["errors"]] == ["#/title"]
            with pytest.raises(MCPError):
                await client.call_tool("tasks_none", {})

            if mode == "auto":
                async with client.listen(tools_list_changed=True) as changes:
                    await asyncio.to_thread(replace_logic, host_binary, host, component, tmp_path)
                    await anext(aiter(changes))
            else:
                await asyncio.to_thread(replace_logic, host_binary, host, component, tmp_path)
                await asyncio.wait_for(changed.wait(), 10)
            listed = (await client.list_tools(cache_mode="refresh")).tools
            assert sorted(each.name for each in listed) == TOOLS

    asyncio.run(use())


def test_the_typescript_client_uses_the_tools_while_the_logic_is_replaced(
    host_binary, host, component, packages, tmp_path
):
    # A client that waits for a notice in vain ends, and so does the reading below.
    command = ["timeout", "60", tool("node"), packages / "client.js", f"{host.url}/mcp"]
    with subprocess.Popen(command, cwd=packages, stdout=subprocess.PIPE, text=True) as client:
        def read():
            return json.loads(client.stdout.readline())

        hello = read()
        assert hello["version"] == "2025-11-25" and "dry_run" in hello["instructions"]
        assert sorted(read()) == TOOLS
        created, updated, listed, summary, tried, kept, refused, unknown = (read() for _ in range(8))
        assert created["structuredContent"]["title"] == "From TypeScript"
        assert updated["structuredContent"]["status"] == "completed"
        assert listed["structuredContent"] == {"tasks": [updated["structuredContent"]], "next": None}
        assert summary["structuredContent"]["total"] == 1
        assert not tried["isError"] and kept["structuredContent"] == updated["structuredContent"]
        assert refused["isError"] and json.loads(refused["content"][0]["text"])["status"] == 422
        assert unknown["code"] == -32602
        assert read() == "ready"
        replace_logic(host_binary, host, component, tmp_path)
        assert sorted(read()) == TOOLS
        assert client.wait(10) == 0


def test_the_conformance_suite_passes(host, packages, capsys):
    suite = [tool("node"), packages / "node_modules/@modelcontextprotocol/conformance/dist/index.js", "server"]
    reports = {}
    for scenario in SCENARIOS:
        done = subprocess.run(
            [*suite, "--url", f"{host.url}/mcp", "--scenario", scenario],
            cwd=packages, capture_output=True, text=True, check=False, timeout=60,
        )
        reports[scenario] = (done.returncode, done.stdout + done.stderr)
    with capsys.disabled():
        for scenario, (_, report) in reports.items():
            print(f"\nconformance {scenario}:\n{report}")
    assert [scenario for scenario, (status, _) in reports.items() if status] == []
