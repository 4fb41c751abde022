"""The modules that a service is made of, and what they import."""

from __future__ import annotations

import ast
import sys
from pathlib import Path


def own(module: str) -> dict[str, Path]:
    """Returns the loaded modules that are imported from the folder of this one, with their files."""
    main = Path(sys.modules[module].__file__ or ".").resolve()
    found = {module: main}
    for other in list(sys.modules.values()):
        path = Path(getattr(other, "__file__", None) or "/").resolve()
        if path.suffix == ".py" and path.is_relative_to(main.parent) and _is_own(other.__name__, path, main.parent):
            found[other.__name__] = path
    return found


def _is_own(name: str, path: Path, root: Path) -> bool:
    """Whether a module is imported from the root, and not from a folder of packages in it. Tests are no part of a
    service."""
    parts = path.relative_to(root).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts) == name and not parts[0].startswith(("test", "conftest"))


def imports(files: dict[str, Path]) -> set[str]:
    """Returns the modules that these files import, wherever they do, except each other. `from a import b` may import
    the module `a.b`."""
    found: set[str] = set()
    for path in files.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
                found |= {f"{node.module}.{name.name}" for name in node.names if name.name != "*"}
    return {name for name in found if name.partition(".")[0] not in {own.partition(".")[0] for own in files}}
