"""`python -m task_host`: makes the component or the WIT of a service."""

import argparse
import os
import sys
from pathlib import Path

from . import environment, wit
from .build import build, load
from .environment import BuildFailed


def main() -> int:
    """Runs the command. Returns 1 if it failed."""
    parser = argparse.ArgumentParser(prog="python -m task_host", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("build", "make the component"), ("wit", "print the WIT of the service")):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("module", nargs="?", default="app", help="the module with the service; default: app")
        if name == "build":
            command.add_argument("-o", "--output", type=Path, help="the component's file; default: dist/MODULE.wasm")
    args = parser.parse_args()
    try:
        environment.enter()
        if args.command == "wit":
            print(wit.text(load(args.module)), end="")
        else:
            output = args.output or Path("dist") / f"{args.module}.wasm"
            # `task-host dev` sets the variable.
            build(args.module, output, quick=bool(os.environ.get("TASK_HOST_DEV")))
    except (BuildFailed, TypeError, ValueError) as error:
        if isinstance(error, TypeError | ValueError) and _is_defect(error):
            raise
        print(f"task_host: {error}", file=sys.stderr)
        return 1
    return 0


def _is_defect(error: Exception) -> bool:
    """Whether an error comes from the service's own code. Then its traceback is what helps."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and not frame.tb_frame.f_code.co_filename.startswith(str(Path(__file__).parent))


if __name__ == "__main__":
    sys.exit(main())
