"""Components for development: a build replaces only the service's own modules, and not the interpreter around them.

Such a component has a slot in its memory. Each request imports the modules in it, which costs milliseconds and saves
minutes: to make a component from nothing, an interpreter has to be linked and run. The build writes the slot into the
file (`fill`), with the same interface and the same imports as before.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import linecache
import marshal
import sys
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

#: What a slot begins with, in the opposite order: the host and `fill` find the slot by its mark, so the mark must be in
#: the component once. `slot.rs` in the host has both constants, too.
_MARK = b"\xfe\xedtols tsoh-ksat\xf0\x0d"
#: Size of the slot, in bytes. A larger service is built as a whole.
SIZE = 512 << 10


def fill(component: bytearray, content: dict[str, Any]) -> bool:
    """Writes the content of the slot. Returns False if it does not fit, or if the component has no slot."""
    data = zlib.compress(marshal.dumps(content, 2))
    at = component.find(_MARK[::-1])
    length = len(data).to_bytes(4, "little")
    room = SIZE - len(_MARK)
    if at < 0 or len(length + data) > room:
        return False
    component[at + len(_MARK) : at + len(_MARK) + len(length + data)] = length + data
    return True


def slot() -> bytearray:
    """Makes an empty slot."""
    memory = bytearray(b"\xa5") * SIZE
    for at, byte in enumerate(reversed(_MARK)):
        memory[at] = byte
    return memory


def read(memory: bytearray) -> dict[str, Any]:
    """Returns what a build wrote into a slot."""
    start = len(_MARK)
    length = int.from_bytes(memory[start : start + 4], "little")
    return marshal.loads(zlib.decompress(bytes(memory[start + 4 : start + 4 + length])))


class Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from their texts: by name, the file, whether it is a package, and the text."""

    def __init__(self, sources: dict[str, tuple[str, bool, str]]) -> None:
        self._sources = sources
        for name in [name for name in sys.modules if name in sources]:
            del sys.modules[name]
        for file, _, text in sources.values():
            # Tracebacks show the lines.
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self._sources:
            return None
        file, is_package, _ = self._sources[name]
        spec = importlib.util.spec_from_loader(name, self, origin=file, is_package=is_package)
        spec.has_location = True
        return spec

    def exec_module(self, module: Any) -> None:
        file, _, text = self._sources[module.__name__]
        exec(compile(text, file, "exec"), module.__dict__)


def exports(memory: bytearray, names: dict[str, list[str]]) -> list[type]:
    """Returns classes whose methods import the service from the slot when they are called."""

    @cache
    def classes() -> list[type]:
        from . import component, files

        content = read(memory)
        files.given = (
            [files.Migration(*step) for step in content["migrations"]],
            [files.Asset(*asset) for asset in content["assets"]],
        )
        sys.meta_path.insert(0, Sources(content["sources"]))
        module = importlib.import_module(content["module"])
        service = getattr(module, content["variable"])
        # Whoever deploys it by mistake sees it.
        service.version += "-dev"
        return list(component.exports(service))

    def method(at: int, name: str) -> Callable[..., Any]:
        return lambda self, *values: getattr(classes()[at], name)(self, *values)

    return [
        type(cls, (), {name: method(at, name) for name in methods}) for at, (cls, methods) in enumerate(names.items())
    ]
