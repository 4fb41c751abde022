"""Makes the component of a service, with componentize-py."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from . import modules, wit
from .environment import BuildFailed
from .names import camel, snake
from .reload import fill
from .service import Service

#: The version of componentize-py that this package is made for.
COMPONENTIZE_PY = "0.25.1"
#: The folder for what is made on the way to a component.
WORK = Path(".task-host/python")
#: The module that joins the service and the bindings.
ENTRY = "task_host_entry"


#: A component has no files, so what functions import must be there before.
_IMPORTS = """\
from importlib import import_module

for name in {names}:
    try:
        import_module(name)
    except ImportError:
        pass

"""
_ENTRY = """\
from task_host.component import exports
from {module} import {variable} as service

Service, {name} = exports(service)
"""
#: The module is imported once, so that whatever it loads is in the component.
_RELOAD = """\
import {module}
import task_host.component
from task_host import reload

Service, {name} = reload.exports(reload.slot(), {names})
"""


def load(module: str) -> Service:
    """Imports a module of the current folder and returns its service."""
    sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise BuildFailed(f"there is no module {module} here: name it, as in python -m task_host build {module}") from None
    services = [value for value in vars(found).values() if isinstance(value, Service)]
    if len(services) != 1:
        raise BuildFailed(f'the module {module} needs one service, and has {len(services)}: service = Service("Name")')
    return services[0]


def build(module: str, output: Path, *, quick: bool = False) -> None:
    """Writes the component of the service in a module to a file.

    A quick build replaces only the service's modules in the component of an earlier one, if the interface and the
    imports are the same. Its component is for development: it imports the service in each request.
    """
    service = load(module)
    output.parent.mkdir(parents=True, exist_ok=True)
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK.parent / ".gitignore").write_text("*\n")
    component = _quick(service) if quick else None
    if component is None:
        component = _whole(service, _ENTRY.format(module=module, variable=_variable(service), name=_interface(service)))
    name, content = wit.docs_section(service)
    # Replaced as a whole, so that nobody reads half a component.
    made = WORK / "component.wasm"
    with made.open("wb") as file:
        file.write(component)
        file.write(custom_section(name, content))
    os.replace(made, output)


def _whole(service: Service, entry: str) -> bytes:
    """Makes a component from nothing."""
    folder = WORK / "entry"
    folder.mkdir(exist_ok=True)
    imported = sorted(modules.imports(modules.own(service.module)))
    (folder / f"{ENTRY}.py").write_text(_IMPORTS.format(names=imported) + entry, encoding="utf-8")
    wit.write(service, WORK / "wit")
    made = WORK / "made.wasm"
    command = [_componentize_py(), "--quiet", "-d", WORK / "wit", "-w", "logic", "componentize", ENTRY, "-o", made]
    for path in [folder, Path.cwd(), Path(__file__).parents[1]]:
        command += ["-p", path]
    if "VIRTUAL_ENV" not in os.environ and sys.prefix != sys.base_prefix:
        command += ["-p", sysconfig.get_path("purelib")]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildFailed(_reason(done.stdout + done.stderr))
    return made.read_bytes()


def _quick(service: Service) -> bytes | None:
    """Makes a component with the service in its slot. None if the service is too large for it."""
    files = modules.own(service.module)
    imported = modules.imports(files)
    base, state = WORK / "base.wasm", WORK / "base.json"
    known = json.loads(state.read_text()) if state.exists() and base.exists() else {}
    key = _key(service)
    if known.get("key") != key or not imported <= set(known["imports"]):
        state.unlink(missing_ok=True)
        entry = _RELOAD.format(module=service.module, names=_methods(service), name=_interface(service))
        base.write_bytes(_whole(service, entry))
        state.write_text(json.dumps({"key": key, "imports": sorted(imported)}))
    component = bytearray(base.read_bytes())
    root = Path.cwd().resolve()
    content = {
        "module": service.module,
        "variable": _variable(service),
        "sources": {
            name: (str(path.relative_to(root)), path.name == "__init__.py", path.read_text(encoding="utf-8"))
            for name, path in files.items()
        },
        "migrations": [(step.name, step.sqlite, step.postgres) for step in service.migrations],
        "assets": [(asset.path, asset.media_type, asset.content) for asset in service.assets],
    }
    return bytes(component) if fill(component, content) else None


def _key(service: Service) -> str:
    """Returns a text that names what a component with a slot depends on, besides its imports."""
    parts = [COMPONENTIZE_PY, wit.text(service), str(_methods(service)), service.module]
    parts += [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    requirements = Path("requirements.txt")
    parts.append(requirements.read_text(encoding="utf-8") if requirements.exists() else "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _methods(service: Service) -> dict[str, list[str]]:
    """Returns the exported classes and their methods."""
    own = [snake(operation.name) for operation in service.api.operations]
    return {"Service": ["describe", "assets", "check", "health"], _interface(service): own}


def _interface(service: Service) -> str:
    return camel(service.api.name)


def _variable(service: Service) -> str:
    return next(name for name, value in vars(sys.modules[service.module]).items() if value is service)


def _componentize_py() -> str:
    beside = Path(sys.executable).parent / "componentize-py"
    found = str(beside) if beside.exists() else shutil.which("componentize-py")
    if found is None:
        raise BuildFailed(f"componentize-py is missing: {sys.executable} -m pip install componentize-py=={COMPONENTIZE_PY}")
    return found


def _reason(output: str) -> str:
    """Returns what componentize-py reported, without the frames of its own."""
    text = output.partition("AssertionError: ")[2] or output
    text = text.partition("Stack backtrace:")[0].partition("\n\nCaused by:")[0]
    return f"componentize-py failed:\n{text.strip()}"


def custom_section(name: str, content: bytes) -> bytes:
    """Returns a custom section of a component."""
    label = name.encode()
    body = _leb(len(label)) + label + content
    return b"\0" + _leb(len(body)) + body


def _leb(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])
