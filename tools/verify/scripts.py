"""Runs shell scripts and workflow steps with doubles of the programs that they call."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

DOUBLE = Path(__file__).parent / "doubles/program.py"
# Programs that a script may use without checking for them.
EVERYWHERE = (
    "base64 bash cat chmod dirname env grep head mktemp rm sed seq sleep sort tr"
).split()


class Machine:
    """A machine that has only the programs above, and doubles of the programs in `doubles`."""

    def __init__(self, folder, doubles, answers=None, **environment):
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.calls_file = folder / "calls"
        self.calls_file.touch()
        # The doubles are Python scripts. Link the real interpreter, because the shims of version managers
        # would need more programs.
        (self.programs / "python3").symlink_to(Path(sys.executable).resolve())
        for name in EVERYWHERE:
            (self.programs / name).symlink_to(Path(shutil.which(name)).resolve())
        for name in doubles:
            (self.programs / name).symlink_to(DOUBLE)
        self.environment = {
            "PATH": str(self.programs),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "CALLS": str(self.calls_file),
            "ANSWERS": json.dumps(answers or {}),
            **environment,
        }
        self.folder = folder

    def run(self, script, *arguments):
        return self._run([str(ROOT / script), *map(str, arguments)], ROOT)

    def run_step(self, text, folder, **environment):
        """Runs a step of a workflow as GitHub does, which passes only `-e` to the shell."""
        return self._run(["bash", "-e", "-c", text], folder, **environment)

    def _run(self, command, folder, **environment):
        return subprocess.run(
            command,
            env=self.environment | environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def left_running(self):
        """Returns the command lines of doubles that still run after the script has ended."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"{self.programs}/" in command:
                found.append(command.replace("\0", " "))
        return found

    def records(self):
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]

    def calls(self):
        """Returns the calls of doubles, in order."""
        return [" ".join(record["words"]) for record in self.records()]

