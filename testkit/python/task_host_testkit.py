"""Starts hosts and other processes for the Python tests and the benchmark: on free ports, ended by
SIGTERM, with a log to read.

`web-tests`, `tools/verify` and `bench/stages.py` import it. It needs nothing but the standard library.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

# Limit in seconds for a start or a stop: a debug build compiles the component first.
LIMIT = 60

# A proxy cannot reach a server on this machine.
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def wait_for(what, condition, deadline=LIMIT):
    """Polls a condition until its value is true, and returns that value."""
    until = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not after {deadline} s")
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get_json(url):
    with HTTP.open(url, timeout=10) as answer:
        return json.load(answer)


def send(method, url, body=None):
    """Returns the status and the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    try:
        with HTTP.open(request, timeout=10) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def with_note(component, note):
    """Returns the bytes of the same component with another digest: with one more custom section, which
    nothing reads. The note has at most 120 bytes."""
    section = b"\x04note" + note
    return component + b"\x00" + bytes([len(section)]) + section


class Process:
    """A process with its log. Leaving a `with` block stops it and expects exit status 0, unless the
    process was killed."""

    def __init__(self, command, log, environment=None):
        self.log, self.expected = log, 0
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                env=environment,
            )

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        status = self._end()
        if failure is None:
            assert status == self.expected, self.log.read_text()

    def stop(self):
        """Sends SIGTERM, waits until the process has ended, and expects exit status 0."""
        status = self._end()
        assert status == 0, self.log.read_text()

    def kill(self):
        """Kills the process at once, as a failure of the machine would."""
        self.child.kill()
        self.child.wait()
        self.expected = -signal.SIGKILL

    def running(self):
        """Returns the log so far. Fails if the process has ended."""
        assert self.child.poll() is None, self.log.read_text()
        return self.log.read_text()

    def _end(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {LIMIT} s after SIGTERM") from None


class Host(Process):
    """A host that serves: `url` is the address of the API, `admin_url` that of the admin port.

    The settings are environment variables. Without others the host listens on free ports of 127.0.0.1.
    Variables of the developer's shell that would change what the host does are removed.
    """

    def __init__(self, binary, settings, log, arguments=("serve",), limit=LIMIT):
        defaults = {"TASK_HOST_ADDR": "127.0.0.1:0", "TASK_HOST_ADMIN_ADDR": "127.0.0.1:0"}
        # The addresses are read from the log.
        defaults |= {"TASK_HOST_LOG_FORMAT": "json"}
        kept = {name: value for name, value in os.environ.items() if "TASK_HOST_" not in name}
        super().__init__([binary, *arguments], log, kept | defaults | settings)
        try:
            self.url, self.admin_url = wait_for("the host serves", self._addresses, limit)
        except BaseException:
            self.kill()
            raise

    def _addresses(self):
        text = self.running()
        found = re.search(r'"server\.address":"([^"]+)","admin\.address":"([^"]+)"', text)
        return [f"http://{address}" for address in found.groups()] if found else None
