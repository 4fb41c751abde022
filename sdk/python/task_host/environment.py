"""The packages that a build needs: those of `requirements.txt`, in the folder `.venv`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path("requirements.txt")
FOLDER = Path(".venv")


class BuildFailed(Exception):
    """Why a component was not made, and what to do."""


def enter() -> None:
    """Goes on in the project's environment, with the packages of `requirements.txt`.

    Without this file, or if an environment is active, nothing changes. The packages are installed when the file
    changes.
    """
    if sys.prefix != sys.base_prefix or not REQUIREMENTS.exists():
        return
    python = FOLDER / "bin/python"
    wanted = REQUIREMENTS.read_bytes()
    installed = FOLDER / REQUIREMENTS
    if not python.exists() or not installed.exists() or installed.read_bytes() != wanted:
        print(f"installing the packages of {REQUIREMENTS} in {FOLDER}…", file=sys.stderr, flush=True)
        if not python.exists():
            _run([sys.executable, "-m", "venv", str(FOLDER)], "install Python's venv: apt install python3-venv")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "-r", str(REQUIREMENTS)], f"correct {REQUIREMENTS}, or give access to Python's package index")
        # Written last, so that an interrupted installation is repeated.
        installed.write_bytes(wanted)
    os.execv(python, [str(python), "-m", "task_host", *sys.argv[1:]])


def _run(command: list[str], remedy: str) -> None:
    if subprocess.run(command, check=False).returncode != 0:
        raise BuildFailed(f"`{' '.join(command)}` failed; {remedy}")
