"""Runs nginx with the configuration of the compose file in front of two hosts, and checks that every address
that clients get behind /staging and /prod leads back through nginx."""

import json
import re
import urllib.request

import pytest
import yaml

from conftest import ROOT, needs
from task_host_testkit import Host, Process, free_port, get_json, wait_for

COMPOSE = ROOT / "k8s/compose"


@pytest.fixture(scope="module")
def proxy(host_binary, component, tmp_path_factory):
    program = needs("nginx", "nginx-light")
    folder = tmp_path_factory.mktemp("proxy")
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]

    def host(name):
        settings = {
            "TASK_HOST_PUBLIC_PATH": services[name]["environment"]["TASK_HOST_PUBLIC_PATH"],
            "TASK_HOST_DATABASE": "sqlite::memory:",
            "TASK_HOST_COMPONENT": str(component),
        }
        return Host(host_binary, settings, folder / f"{name}.log")

    with host("staging") as staging, host("prod") as prod:
        port = free_port()
        config = (COMPOSE / "nginx.conf").read_text()
        config = re.sub(r"listen \d+", f"listen 127.0.0.1:{port}", config)
        for name, at in (("staging", staging), ("prod", prod)):
            config = config.replace(f"http://{name}:8000/", f"{at.url}/")
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off; {config} }}\n"
        )
        command = [program, "-p", folder, "-c", folder / "nginx.conf"]
        with Process(command, folder / "nginx.log") as server:
            url = f"http://127.0.0.1:{port}"

            def answers():
                server.running()
                try:
                    return get_json(f"{url}/prod/readyz")
                except OSError:
                    return None

            wait_for("nginx serves", answers)
            yield url


def create(url):
    body = json.dumps({"title": "Behind a prefix", "category": "testing"}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["location"]


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_addresses_in_answers_lead_back_through_the_proxy(name, proxy):
    paths = [create(f"{proxy}/{name}/tasks") for _ in range(2)]
    for path in paths:
        assert path.startswith(f"/{name}/tasks/")
        assert get_json(proxy + path)["title"] == "Behind a prefix"
    with urllib.request.urlopen(f"{proxy}/{name}/tasks?limit=1", timeout=10) as page:
        following = re.fullmatch(r'<(.+)>; rel="next"', page.headers["link"])[1]
    assert len(get_json(proxy + following)) == 1
    assert get_json(f"{proxy}/{name}/openapi.json")["servers"] == [{"url": f"/{name}"}]


def test_the_environments_have_separate_tasks(proxy):
    path = create(f"{proxy}/staging/tasks")
    before = len(get_json(f"{proxy}/prod/tasks?limit=1000"))
    create(f"{proxy}/staging/tasks")
    assert len(get_json(f"{proxy}/prod/tasks?limit=1000")) == before
    assert get_json(proxy + path)["status"] == "pending"


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_the_prefix_without_a_slash_redirects_to_the_page(name, proxy):
    with urllib.request.urlopen(f"{proxy}/{name}", timeout=10) as page:
        assert page.url == f"{proxy}/{name}/"
        assert "Task Manager" in page.read().decode()
