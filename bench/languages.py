"""Compares the bookmarks service of `examples/bookmarks` in every language: `cargo xtask languages`.

First everything is made that takes long: a project of `task-host new` for each language with the example in it, its
component, its compiled code, and a running `task-host dev`. Then, on a quiet machine, each language is measured: the
compilation, a request, and the time from a saved change to the answer that shows it. All figures are of one run.
"""

import argparse
import http.client
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from task_host_testkit import Host, Process, send, wait_for

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples/bookmarks"
# Seconds in which a component is built, compiled and started on a busy machine.
PATIENCE = 900
# For one language: seconds of requests, and the number and seconds of saved changes after which no other one begins.
REQUESTS, CHANGES, CHANGING = 3, 3, 8
# The machine is quiet if less than this share of it is used, for this many seconds.
QUIET_SHARE, QUIET_SECONDS, QUIET_PATIENCE = 0.15, 3, 900
BEGIN = "<!-- cargo xtask languages --publish writes from here -->\n"
END = "<!-- to here -->"
HEAD = """\
| language | component | compile: time, memory | a GET of one row | from save to live |
| --- | --- | --- | --- | --- |
"""
WASIP2 = """\
[package]
name = "bookmarks"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
wit-bindgen = { version = "=0.60.0", default-features = false, features = ["macros", "realloc", "std"] }

[workspace]
"""


@dataclass
class Language:
    title: str
    # The language of `task-host new`.
    kind: str
    # What is copied over the new project: from the examples, and to the project.
    parts: dict[str, str]
    # The file that is changed, and the text in it that clients see.
    source: str
    text: str
    engine: str | None = None
    # In place of the project's.
    command: str | None = None
    output: str | None = None
    files: dict[str, str] = field(default_factory=dict)


SDK_TEXT, OWN_TEXT = "This bookmark does not exist", "No such bookmark"
TYPESCRIPT = {"typescript/src": "src", "typescript/migrations": "migrations"}
LANGUAGES = [
    Language(
        "Rust, `wasm32-unknown-unknown`",
        "rust",
        {"rust/src": "src", "rust/migrations": "migrations"},
        "src/lib.rs",
        SDK_TEXT,
    ),
    Language(
        "Rust, `wasm32-wasip2`, without the SDK",
        "rust",
        {"rust-wasip2/src": "src", "wit": "../wit"},
        "src/lib.rs",
        OWN_TEXT,
        command="cargo build --release --target wasm32-wasip2",
        output="target/wasm32-wasip2/release/bookmarks.wasm",
        files={"Cargo.toml": WASIP2},
    ),
    Language("C", "c", {"c/bookmarks.c": "src/notes.c", "wit/bookmarks.wit": "wit/service.wit"}, "src/notes.c", OWN_TEXT),
    Language(
        "Go",
        "go",
        {"go": ".", "wit/bookmarks.wit": "wit/service.wit"},
        "export_bookmarks_api_bookmarks/bookmarks.go",
        OWN_TEXT,
    ),
    Language("TypeScript, QuickJS", "typescript", TYPESCRIPT, "src/service.ts", SDK_TEXT, "quickjs"),
    Language("Python", "python", {"python/app.py": "app.py", "python/migrations": "migrations"}, "app.py", SDK_TEXT),
    Language("TypeScript, StarlingMonkey", "typescript", TYPESCRIPT, "src/service.ts", SDK_TEXT, "starlingmonkey"),
]
# What a new project has in the place of the example's parts. The example in C has its migrations in its source.
REPLACED = ("export_bookmarks_api_notes", "requests", "seed.sql", "tests", "test")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", type=Path, required=True, help="the host's binary")
    arguments.add_argument("--build", required=True, help="the profile that the binary was built with")
    arguments.add_argument("--folder", type=Path, required=True, help="where the projects are, and stay")
    arguments.add_argument("--publish", type=Path, help="the page whose table is replaced")
    arguments.add_argument("filter", nargs="?", default="", help="only the languages whose title begins with this")
    args = arguments.parse_args()
    chosen = [language for language in LANGUAGES if language.title.lower().startswith(args.filter.lower())]
    with ExitStack() as stack:
        prepared = []
        for language in chosen:
            say(f"preparing {language.title}")
            project = Project(args.host, args.folder, language)
            project.build()
            project.serve(requests=0)
            prepared.append((project, stack.enter_context(project.dev())))
        quiet = wait_for_a_quiet_machine()
        rows = []
        for project, dev in prepared:
            say(f"measuring {project.language.title}")
            rows.append(row(project, dev))
    table = HEAD + "".join(rows) + "\n" + machine(args.host, args.build, quiet) + "\n"
    print(table)
    if args.publish:
        publish(args.publish, table)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Project:
    """The service in one language."""

    def __init__(self, host, folder, language):
        self.host, self.language = host.resolve(), language
        name = re.sub(r"\W+", "-", language.title.lower()).strip("-")
        self.folder = (folder / name / "bookmarks").resolve()
        self.cache = self.folder.parent / "code"
        outside = {name: value for name, value in os.environ.items() if "TASK_HOST_" not in name and name != "CI"}
        # The pinned Go, Node and Python come first.
        path = os.pathsep.join([str(Path(sys.executable).parent), str(self.host.parent), outside["PATH"]])
        settings = {"PATH": path, "GOTOOLCHAIN": "local", "GOPROXY": "off", "NO_PROXY": "*"}
        self.environment = outside | settings | {"TASK_HOST_COMPILE_TIMEOUT": f"{PATIENCE}s"}
        self._write()

    def _write(self):
        """Writes the files of the project. Those that are the same keep their time, so that builds are short."""
        new = self.folder.parent / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        self._run(self.host, "new", "bookmarks", "--lang", self.language.kind, cwd=new)
        project = new / "bookmarks"
        for name in (*REPLACED, *([] if self.language.kind == "c" else ["migrations"])):
            path = project / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for source, target in self.language.parts.items():
            if (EXAMPLES / source).is_dir():
                shutil.copytree(EXAMPLES / source, project / target, dirs_exist_ok=True)
            else:
                shutil.copy(EXAMPLES / source, project / target)
        for name, text in self.language.files.items():
            (project / name).write_text(text)
        settings = tomllib.loads((project / "task-host.toml").read_text())["build"]
        self.command = self.language.command or settings["command"]
        if self.language.engine:
            self.command += f" --engine {self.language.engine}"
        self.output = self.folder / (self.language.output or settings["output"])
        build = {"command": self.command, "output": str(self.output.relative_to(self.folder)), "watch": [self.language.source]}
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in build.items()]
        (project / "task-host.toml").write_text("[build]\n" + "".join(lines))
        for file in new.rglob("*"):
            target = self.folder.parent / file.relative_to(new)
            if file.is_dir():
                target.mkdir(exist_ok=True)
            elif not target.exists() or target.read_bytes() != file.read_bytes():
                shutil.copy(file, target)
        shutil.rmtree(new)

    def _run(self, *command, cwd):
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")

    def build(self):
        """Makes the component."""
        if self.language.kind == "typescript" and not (self.folder / "node_modules").exists():
            packages = ["@bytecodealliance/componentize-js@0.23.0"] if self.language.engine == "starlingmonkey" else []
            self._run("npm", "install", "--no-audit", "--no-fund", *packages, cwd=self.folder)
        self._run("sh", "-c", self.command, cwd=self.folder)
        # `dev` may write another one to this place.
        self.component = self.folder.parent / "bookmarks.wasm"
        shutil.copy(self.output, self.component)

    def compile(self):
        """Returns the CPU time and the memory that the compilation takes, in seconds and bytes."""
        with self.component.open("rb") as component:
            child = subprocess.Popen([self.host, "compile"], stdin=component, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{self.component} does not compile")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10

    def serve(self, requests=REQUESTS):
        """Starts a host, and sends requests for some seconds. Returns the CPU time of the host for one, in seconds."""
        settings = {
            "TASK_HOST_DATABASE": "sqlite::memory:",
            "TASK_HOST_COMPONENT": str(self.component),
            "TASK_HOST_CACHE_DIR": str(self.cache),
            "TASK_HOST_COMPILE_TIMEOUT": f"{PATIENCE}s",
            # The logic runs in each request.
            "TASK_HOST_ANSWER_CACHE": "0",
            "TASK_HOST_LOG": "warn,task_host::app=info",
        }
        with Host(self.host, settings, self.folder.parent / "serve.log", limit=PATIENCE) as host:
            _, saved = send("POST", f"{host.url}/bookmarks", {"url": "https://example.com/"})
            address = urlsplit(host.url)
            connection = http.client.HTTPConnection(address.hostname, address.port)

            def get():
                connection.request("GET", f"/bookmarks/{saved['id']}")
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200, body

            for _ in range(100 if requests else 1):
                get()
            count, used, until = 0, cpu_seconds(host.child.pid), time.monotonic() + requests
            while time.monotonic() < until:
                get()
                count += 1
            used = cpu_seconds(host.child.pid) - used
            connection.close()
        return used / max(count, 1)

    def dev(self):
        command = [self.host, "dev", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]
        dev = Process(command, self.folder / "dev.log", self.environment)
        try:
            waiting = lambda: "waiting for a change…" in dev.running()
            wait_for(f"dev of {self.language.title}", waiting, PATIENCE)
            assert "live (build " in dev.running(), dev.running()
            [dev.url] = re.findall(r"API +(http://\S+)/\n", dev.running())
        except BaseException:
            dev.kill()
            raise
        return dev

    def change(self, dev, number):
        """Saves a change, and returns the seconds until a client sees it."""
        path = self.folder / self.language.source
        old = path.read_text()
        text = f"Change {number}"
        new = re.sub(rf"{re.escape(self.language.text)}|Change \d+", text, old, count=1)
        assert new != old, f"{path} has no text to change"
        path.write_text(new)
        began = time.monotonic()
        seen = lambda: send("GET", f"{dev.url}/bookmarks/999999")[1]["title"] == text
        wait_for(f"{text} in {self.language.title}", seen, PATIENCE)
        return time.monotonic() - began


def cpu_seconds(pid):
    """Returns the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(project, dev):
    seconds, memory = project.compile()
    request = project.serve()
    took = []
    while len(took) < CHANGES and sum(took) < CHANGING:
        took.append(project.change(dev, len(took) + 1))
    # The next run begins with the example.
    dev.stop()
    size = project.component.stat().st_size
    return (
        f"| {project.language.title} | {size / 1e6:.1f} MB | {seconds:.1f} s, {memory / 1e6:.0f} MB | "
        f"{rounded(request * 1e6)} µs | {statistics.median(took):.1f} s |\n"
    )


def rounded(number):
    """Returns a number with two digits that count."""
    step = 10 ** max(len(str(int(number))) - 2, 0)
    return round(number / step) * step


def wait_for_a_quiet_machine():
    """Waits until nothing else runs. Returns whether that happened."""
    say("waiting for a quiet machine")
    until, quiet, before = time.monotonic() + QUIET_PATIENCE, 0, busy()
    while quiet < QUIET_SECONDS and time.monotonic() < until:
        time.sleep(1)
        now = busy()
        used, total = (new - old for new, old in zip(now, before))
        quiet, before = quiet + 1 if used < QUIET_SHARE * total else 0, now
    return quiet >= QUIET_SECONDS


def busy():
    """Returns the ticks in which a processor ran something, and all ticks."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def machine(host, build, quiet):
    """Says on which machine and with which build the figures were measured."""
    version = subprocess.run([host, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    model = found[1] if found else platform.machine()
    noise = "" if quiet else " The machine was not quiet."
    return f"Measured with {version} ({build} build) on {os.cpu_count()} cores of {model}, Linux, {time.strftime('%B %Y')}.{noise}"


def publish(page, table):
    text = page.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
