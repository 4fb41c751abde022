"""Runs the processes of a test (a host, Prometheus, nginx): starts them on free ports and ends them with
SIGTERM."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

START = 60


def wait_for(what, condition, deadline=START):
    """Evaluates a condition until it is true or the deadline has passed. Returns its value."""
    until = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"{what}: did not happen within {deadline} s")
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get_json(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class Process:
    """A process with its log. Leaving the block stops the process and expects that it succeeds, unless it
    was killed."""

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
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            status = self.child.wait(timeout=START)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise
        if failure is None:
            assert status == self.expected, self.log.read_text()

    def kill(self):
        """Kills the process, as if its machine had died."""
        self.child.kill()
        self.expected = -signal.SIGKILL

    def running(self):
        """Returns the log so far. Fails if the process has ended."""
        assert self.child.poll() is None, self.log.read_text()
        return self.log.read_text()


class Host(Process):
    """A running `task-host serve` on free ports."""

    def __init__(self, binary, settings, log, arguments=("serve",)):
        kept = {name: value for name, value in os.environ.items() if "TASK_HOST_" not in name}
        super().__init__([binary, *arguments], log, kept | settings)
        try:
            found = wait_for("the host serves", self._addresses)
        except BaseException:
            self.child.kill()
            self.child.wait()
            raise
        self.api, self.operators = found

    def _addresses(self):
        text = self.running()
        found = re.search(r'"server\.address":"([^"]+)","admin\.address":"([^"]+)"', text)
        return [f"http://{address}" for address in found.groups()] if found else None
