"""A running host with the task component, as the tests of the web pages need it.

It listens on free ports and keeps its data in a folder of the test's own. A restart keeps both ports
and data.
"""

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import task_host_testkit
from task_host_testkit import HTTP


class Host:
    """A host. `url` is the address of the API and the page, `admin_url` that of the admin port."""

    def __init__(self, folder: Path, cache: Path, component="tasks", flags=("--probation", "0s")):
        self.binary = os.environ["TASK_HOST_TEST_BINARY"]
        self.component = built(component)
        self.flags = flags
        self.folder, self.cache = folder, cache
        # The addresses of the first start.
        self.addresses = {}
        self.start()

    def start(self):
        settings = self.addresses | {
            "TASK_HOST_DATABASE": f"sqlite:{self.folder / 'tasks.sqlite'}",
            "TASK_HOST_CACHE_DIR": str(self.cache),
            "TASK_HOST_COMPONENT": str(self.component),
        }
        log = self.folder / "host.log"
        arguments = ["serve", *self.flags]
        self.process = task_host_testkit.Host(self.binary, settings, log, arguments)
        self.url, self.admin_url = self.process.url, self.process.admin_url
        self.addresses = {
            "TASK_HOST_ADDR": self.url.removeprefix("http://"),
            "TASK_HOST_ADMIN_ADDR": self.admin_url.removeprefix("http://"),
        }

    def stop(self):
        """Drains the host and waits until it has ended."""
        self.process.stop()

    def kill(self):
        self.process.kill()

    def api(self, method: str, path: str, body=None):
        """Sends a request to the API and returns the JSON of the answer, which must be a success."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        try:
            with HTTP.open(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def create(self, title: str, **members):
        return self.api("POST", "/tasks", {"title": title, "category": "feature", **members})

    def update(self, task: int, **members):
        return self.api("PATCH", f"/tasks/{task}", members)

    def tasks(self, query=""):
        return self.api("GET", f"/tasks{query}")

    def deploy(self, component: bytes):
        """Deploys another component."""
        file = self.folder / "new.wasm"
        file.write_bytes(component)
        command = [self.binary, "deploy", file, "--to", self.admin_url]
        subprocess.run(command, check=True, capture_output=True, timeout=task_host_testkit.LIMIT)


def built(component: str) -> Path:
    """Returns the file of a component that `cargo xtask` has built."""
    return Path(os.environ["TASK_HOST_TEST_COMPONENTS"], f"{component}.wasm")
