"""Carries out a page of the documentation as it is written.

The page's code blocks say what to do, in order, in an empty folder:

- ```sh: commands. They must succeed. `cd` also holds for the blocks after it.
- ```console: commands after `$ `, each followed by the output to compare, in which `…` stands for anything.
- A block after a line that ends with a path in backquotes and a colon, such as `src/lib.rs`:, is a file to write. A
  ```diff block after it is a change to make.

`task-host dev` and `task-host serve` stay in the background until the next of them or the end of the page. After the
page has changed files, the next commands wait until `dev` has built them.

Comments in HTML at the start of the page name the programs that it needs: <!-- needs: clang make -->.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from task_host_testkit import HTTP, Process, free_port, wait_for

# Limit in seconds for a command, and for `dev` to build a change: compilers start from nothing.
LIMIT = 300
# The programs that tools/requirements.txt brings, and that a page may use.
PINNED = ["go", "node", "npm", "npx"]
# What `task-host dev` writes when a change is in service, or refused.
WAITING = "waiting for a change…"


@dataclass
class Block:
    """A code block: its language, its text, its line, and the file that it is or changes."""

    language: str
    text: str
    line: int
    file: str | None


def blocks(page):
    """Returns the code blocks of a page."""
    found, file, lines = [], None, enumerate(page.splitlines(), 1)
    for number, line in lines:
        if line.startswith("```"):
            content = []
            for _, inner in lines:
                if inner == "```":
                    break
                content.append(inner + "\n")
            else:
                raise AssertionError(f"line {number}: the block does not end")
            found.append(Block(line[3:], "".join(content), number, file))
        if line.strip():
            named = re.search(r"`([^`]+)`:$", line)
            file = named and named[1]
    return found


def needs(page):
    """Returns the programs that a page needs."""
    found = re.search(r"<!-- needs: (.*?) -->", page)
    return found[1].split() if found else []


def dialogue(text):
    """Returns the commands of a dialogue, each with the output that it should have."""
    commands = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif commands and commands[-1][0].endswith("\\"):
            commands[-1] = (f"{commands[-1][0]}\n{line}", [])
        elif commands:
            commands[-1][1].append(line)
        else:
            raise AssertionError(f"a dialogue begins with a command: {line}")
    return [(command, "\n".join(output)) for command, output in commands]


def matches(expected, output):
    """Returns whether an output is as expected. Blanks at the ends of lines and of the output do not count."""
    def tidy(text):
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    parts = [re.escape(part) for part in tidy(expected).split("…")]
    return re.fullmatch(".*".join(parts), tidy(output), re.DOTALL) is not None


class Run:
    """The state of a page that is carried out: its folder, and the program in the background."""

    def __init__(self, host_binary, root, folder):
        self.folder = self.working = folder / "page"
        self.folder.mkdir()
        self.state, self.root = folder, root
        # What the program in the background writes to its standard error.
        self.errors = folder / "errors"
        self.ports = {"8000": str(free_port()), "9000": str(free_port())}
        self.background, self.changed, self.built = None, False, 0
        kept = {name: value for name, value in os.environ.items() if "TASK_HOST_" not in name}
        # The program that is tested, and the compilers of the pinned packages. Their Python stays out: a project in
        # Python would take its environment for the project's.
        compilers = folder / "compilers"
        compilers.mkdir()
        for name in PINNED:
            if (program := Path(sys.executable).parent / name).exists():
                (compilers / name).symlink_to(program)
        programs = os.pathsep.join([str(host_binary.parent), str(compilers), kept["PATH"]])
        # What Cargo compiles is kept for the next run. Its packages have the workspace's versions.
        kept = {name: value for name, value in kept.items() if not name.startswith("CARGO_TARGET")}
        self.environment = kept | {
            "PATH": programs,
            "CARGO_BUILD_BUILD_DIR": str(root / "target/tmp/new-rust"),
            "TASK_HOST_ADMIN_URL": f"http://127.0.0.1:{self.ports['9000']}",
            "TASK_HOST_REPO": str(root),
            "NO_PROXY": "*",
        }

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.end_background(failure)

    def end_background(self, failure=(None, None, None)):
        process, self.background = self.background, None
        if process:
            process.__exit__(*failure)

    def carry_out(self, page):
        for block in blocks(page):
            try:
                self.block(block)
            except Exception as error:
                log = self.errors.read_text() if self.errors.exists() else ""
                raise AssertionError(f"the block in line {block.line}: {error}\n{log}") from error

    def block(self, block):
        if block.file:
            self.write(block)
        elif block.language == "sh":
            lines = block.text.splitlines()
            ahead = [number for number, line in enumerate(lines) if is_background(line)]
            for number in ahead or [len(lines)]:
                self.command("\n".join(lines[:number]))
                for line in lines[number:]:
                    self.start(line)
        elif block.language == "console":
            for command, expected in dialogue(block.text):
                output = self.start(command) if is_background(command) else self.command(command)
                assert not expected or matches(expected, output), f"{command}\n{output}"

    def write(self, block):
        path = self.working / block.file
        text = self.with_ports(block.text)
        if block.language == "diff":
            old, new = ("".join(line[1:] for line in text.splitlines(True) if line[0] in kinds) for kinds in (" -", " +"))
            found = path.read_text()
            assert found.count(old) == 1, f"{block.file} has the old lines {found.count(old)} times:\n{old}\n{found}"
            text = found.replace(old, new)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.changed = self.changed or self.is_watched(path)

    def is_watched(self, path):
        """Returns whether `task-host dev` builds again after a change of a file."""
        settings = self.working / "task-host.toml"
        watch = tomllib.loads(settings.read_text())["build"].get("watch") if settings.exists() else None
        return watch is None or any(path.is_relative_to(self.working / name) for name in watch)

    def command(self, command):
        """Runs a command and returns its output."""
        if not command.strip():
            return ""
        self.wait_for_change()
        place = self.state / "place"
        script = f"set -e\n{self.with_ports(command)}\npwd > {place}"
        done = subprocess.run(
            ["sh", "-c", script], cwd=self.working, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        self.working = Path(place.read_text().strip())
        self.pin()
        return self.without_ports(done.stdout)

    def pin(self):
        lock = self.working / "Cargo.lock"
        if (self.working / "Cargo.toml").exists() and not lock.exists():
            shutil.copy(self.root / "Cargo.lock", lock)

    def start(self, command):
        """Starts a program in the background, and returns its output until it serves."""
        self.end_background()
        words = self.with_ports(command)
        api, admin = (f"127.0.0.1:{port}" for port in self.ports.values())
        words = re.sub(r"^task-host (dev|serve)", rf"task-host \1 --addr {api} --admin-addr {admin}", words)
        log = self.state / "background"
        script = f"cd {self.working} && exec {words} 2> {self.errors}"
        self.changed, self.built = False, 0
        self.background = Process(["sh", "-c", script], log, self.environment)
        self.is_dev = words.startswith("task-host dev")
        if self.is_dev:
            self.built = wait_for("the first build", self.builds, LIMIT)
        wait_for("the service is ready", lambda: self.is_ready(f"http://{api}/readyz"))
        return self.without_ports(log.read_text())

    def is_ready(self, url):
        self.background.running()
        try:
            with HTTP.open(url, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def builds(self):
        """Returns how many times `dev` has waited, if it waits again."""
        count = self.background.running().count(WAITING)
        return count if count > self.built else 0

    def wait_for_change(self):
        if self.background and self.is_dev and self.changed:
            self.built = wait_for("the change is built", self.builds, LIMIT)
        self.changed = False

    def with_ports(self, text):
        return re.sub(r"\b(localhost|127\.0\.0\.1):(8000|9000)\b", lambda m: f"{m[1]}:{self.ports[m[2]]}", text)

    def without_ports(self, text):
        for written, port in self.ports.items():
            text = text.replace(f":{port}", f":{written}")
        return text


def is_background(line):
    return re.match(r"task-host (dev|serve)\b", line) is not None
