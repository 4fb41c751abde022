"""A running host with the task component, as the tests of the web pages need it.

It listens on free ports, which it says in a line of its log, and keeps its data in a folder of the
test's own. A restart keeps both ports and data.
"""

import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections import deque
from pathlib import Path
from queue import Empty, Queue

START_S = 60
STOP_S = 30

# A proxy cannot reach a server on this machine.
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Host:
    """A host process. `url` is the API's and the page's address, `operators` the other port's."""

    def __init__(self, folder: Path, cache: Path, component="tasks", flags=("--probation", "0s")):
        self.binary = os.environ["TASK_HOST_TEST_BINARY"]
        self.component = built(component)
        self.flags = flags
        self.folder, self.cache = folder, cache
        self.addresses = ("127.0.0.1:0", "127.0.0.1:0")
        self.process = None
        self.start()

    def start(self):
        own = {name: value for name, value in os.environ.items() if not name.startswith("TASK_HOST_")}
        command = [self.binary, "serve", "--addr", self.addresses[0], "--admin-addr", self.addresses[1]]
        command += ["--database", f"sqlite:{self.folder / 'tasks.sqlite'}", "--cache-dir", self.cache]
        command += ["--component", self.component, "--log-format", "json", *self.flags]
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        ready, log = Queue(), deque(maxlen=20)
        reader = (self.process.stderr, ready, log)
        threading.Thread(target=follow, args=reader, daemon=True).start()
        try:
            self.addresses = ready.get(timeout=START_S)
        except Empty:
            self.stop()
            raise AssertionError("the host did not start") from None
        if self.addresses is None:
            told = b"".join(log).decode()
            raise AssertionError(f"the host ended before it served:\n{told}")
        self.url, self.operators = (f"http://{address}" for address in self.addresses)

    def stop(self):
        """Lets it drain, as an orderly end does."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the host did not drain") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def api(self, method: str, path: str, body=None):
        """The JSON of an answer, which has to be a success."""
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
        """Makes another component the active one."""
        file = self.folder / "new.wasm"
        file.write_bytes(component)
        command = [self.binary, "deploy", file, "--to", self.operators]
        subprocess.run(command, check=True, capture_output=True, timeout=START_S)


def built(component: str) -> Path:
    """A component's file."""
    return Path(os.environ["TASK_HOST_TEST_COMPONENTS"], f"{component}.wasm")


def follow(log, ready: Queue, last: deque):
    """Reads the log to its end, so that the pipe never fills, and finds the addresses in it."""
    for line in log:
        last.append(line)
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if "server.address" in fields:
            ready.put((fields["server.address"], fields["admin.address"]))
    ready.put(None)


def twin(component: bytes, name="twin") -> bytes:
    """The same component with another digest: a custom section is added, which says nothing."""
    return component + bytes([0, len(name) + 1, len(name)]) + name.encode()
