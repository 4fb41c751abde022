"""Hosts for the console's tests: the real binary, on free ports, and components for it."""

import hashlib
import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("TASK_HOST_BINARY", ROOT / "target/debug/task-host"))
COMPONENTS = Path(os.environ.get("TASK_HOST_TEST_COMPONENTS", ROOT / "target/components"))
TOKEN = "the-token-of-the-tests"

# A proxy cannot reach this machine.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Host:
    """A running host. It comes back on the same ports after `start`, with the same data."""

    def __init__(self, directory, component="counter", token=TOKEN, probation="1s"):
        self.addresses = ("127.0.0.1:0", "127.0.0.1:0")
        self._directory = Path(directory)
        self._flags = [
            "serve", "--component", COMPONENTS / f"{component}.wasm",
            "--database", f"sqlite:{self._directory / 'data.sqlite'}",
            "--probation", probation, "--drain-timeout", "2s",
        ]
        self._token = token
        self._process = None
        self.start()

    def start(self):
        api, admin = self.addresses
        token = ["--admin-token", self._token] if self._token else []
        self._process = subprocess.Popen(
            [BINARY, *self._flags, "--addr", api, "--admin-addr", admin, *token],
            stderr=subprocess.PIPE, text=True,
        )
        log = []
        for line in self._process.stderr:
            log.append(line)
            told = json.loads(line) if line.startswith("{") else {}
            if "server.address" in told:
                self.addresses = (told["server.address"], told["admin.address"])
                break
        else:
            raise AssertionError("the host did not start:\n" + "".join(log))
        # Who does not read it stops the host.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=20)

    @property
    def console(self):
        return f"http://{self.addresses[1]}/console"

    def get(self, path):
        """The status and the headers of an answer of the API."""
        try:
            with _open(f"http://{self.addresses[0]}{path}", timeout=10) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    def revision(self):
        return self.get("/counters")[1]["task-host-revision"]

    def admin(self, path, body=None, media_type="application/json"):
        """The JSON of an answer of the admin API, as somebody else than the browser asks."""
        headers = {"authorization": f"Bearer {self._token}", "task-host-actor": "somebody-else"}
        if body is not None:
            headers["content-type"] = media_type
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"http://{self.addresses[1]}/admin/{path}"
        with _open(urllib.request.Request(url, body, headers), timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def deploy(self, component, **order):
        """Orders a deployment of a file and returns its id."""
        digest = self.admin("components", component.read_bytes(), "application/wasm")["digest"]
        return self.admin("deployments", {"digest": digest, **order})["id"]


def variant(directory, name, of="counter"):
    """The same component under another digest: a section that no engine reads names it."""
    name_bytes = b"variant"
    content = bytes([len(name_bytes)]) + name_bytes + name.encode()
    section = bytes([0, len(content)]) + content
    path = Path(directory) / f"{name}.wasm"
    path.write_bytes((COMPONENTS / f"{of}.wasm").read_bytes() + section)
    return path


def digest(path):
    """The first digits of a component's digest, as the console shows it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
