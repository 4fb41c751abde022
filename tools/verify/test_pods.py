"""Runs nginx with kept-alive connections in front of two hosts, like an Ingress. Checks what clients notice if a
host dies or drains."""

import contextlib
import http.client
import json
import threading

import pytest

from conftest import needs
from task_host_testkit import Host, Process, free_port, wait_for

DRAFT = json.dumps({"title": "Through an Ingress", "category": "testing"})


@pytest.fixture
def pods(host_binary, component, tmp_path):
    """The two hosts, and the port of the nginx in front of them."""
    program = needs("nginx", "nginx-light")
    with contextlib.ExitStack() as all_of_them:
        hosts = []
        for name in ("one", "other"):
            settings = {
                "TASK_HOST_DATABASE": "sqlite::memory:",
                "TASK_HOST_COMPONENT": str(component),
                "TASK_HOST_DRAIN_DELAY": "1s",
            }
            host = Host(host_binary, settings, tmp_path / f"{name}.log")
            hosts.append(all_of_them.enter_context(host))
        servers = " ".join(f"server {host.url.removeprefix('http://')};" for host in hosts)
        port = free_port()
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {tmp_path}/pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off; upstream pods {{ {servers} keepalive 16; }}\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://pods;\n"
            'proxy_http_version 1.1; proxy_set_header Connection ""; } } }\n'
        )
        command = [program, "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
        all_of_them.enter_context(Process(command, tmp_path / "nginx.log"))

        def answers():
            with contextlib.suppress(OSError):
                return ask(http.client.HTTPConnection("127.0.0.1", port, timeout=10), "GET") == 200

        wait_for("nginx serves", answers)
        yield hosts, port


def ask(client, method):
    headers = {"content-type": "application/json"}
    client.request(method, "/tasks", DRAFT if method == "POST" else None, headers)
    answer = client.getresponse()
    answer.read()
    return answer.status


class Clients:
    """Clients that send requests continuously, and the statuses that they got."""

    def __init__(self, port, method, count=3):
        self.statuses, self.over = [], threading.Event()
        work = threading.Thread
        self.threads = [work(target=self.work, args=(port, method)) for _ in range(count)]

    def work(self, port, method):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while not self.over.is_set():
            self.statuses.append(ask(client, method))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def more(self, count=200):
        before = len(self.statuses)
        wait_for("answers come", lambda: len(self.statuses) >= before + count)


def test_if_a_host_dies_no_repeatable_request_fails(pods):
    (one, _), port = pods
    with Clients(port, "GET") as clients:
        clients.more()
        one.kill()
        clients.more()
    assert set(clients.statuses) == {200}


def test_if_a_host_drains_no_request_fails_not_even_one_that_must_not_be_repeated(pods):
    (one, _), port = pods
    with Clients(port, "POST") as clients:
        clients.more()
        one.child.terminate()
        wait_for("it has drained", lambda: one.child.poll() is not None)
        clients.more()
    assert set(clients.statuses) == {201}
