"""The WIT of a service, and its documentation."""

from __future__ import annotations

import ast
import inspect
import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from .names import kebab
from .service import Service
from .types import Definition, is_union

#: The packages of the platform, which are part of this one.
PACKAGES = Path(__file__).parent / "wit"


def text(service: Service) -> str:
    """Returns the service's package: its interface, and the world of its component."""
    api = service.api
    body: list[str] = []
    for definition in api.types.definitions.values():
        body += _docs(documentation(definition), 1)
        member_docs = members_documentation(definition)
        if definition.members is not None:
            body.append(f"    record %{definition.name} {{")
            members = [(member.name, f": {member.shape.wit}") for member in definition.members]
        else:
            body.append(f"    {'variant' if is_union(definition.python) else 'enum'} %{definition.name} {{")
            members = [(name, f"({wit})" if wit else "") for name, wit in definition.cases or ()]
        for name, rest in members:
            body += [*_docs(member_docs.get(name, ""), 2), f"        %{name}{rest},"]
        body.append("    }")
    for name, item in api.types.pages.items():
        body.append(f"    record %{name} {{ items: list<{item}>, next: option<string> }}")
    for operation in api.operations:
        parameters = [f"%{name}: {wit}" for parameter in operation.parameters for name, wit in parameter.wit()]
        result = "_" if operation.result is None else operation.result.wit
        body += _docs(inspect.getdoc(operation.function) or "", 1)
        body.append(f"    %{operation.name}: func({', '.join(parameters)}) -> result<{result}, problem>;")
    lines = [f"package %{api.package};", ""]
    lines += _docs(documentation_of_module(service), 0)
    lines += [f"interface %{api.name} {{", "    use task-host:platform/types@1.0.0.{problem};"]
    if _uses_datetime(service):
        lines.append("    use wasi:clocks/wall-clock@0.2.0.{datetime};")
    lines += ["", *body, "}", ""]
    lines += ["world logic {", "    include task-host:platform/task-service@1.0.0;", f"    export %{api.name};", "}", ""]
    return "\n".join(lines)


def write(service: Service, folder: Path) -> None:
    """Writes the service's package and those that it uses to a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "service.wit").write_text(text(service), encoding="utf-8")
    for package in ("platform", "clocks"):
        shutil.copytree(PACKAGES / package, folder / "deps" / package)


def docs_section(service: Service) -> tuple[str, bytes]:
    """Returns the name and the content of the section that holds the documentation: a version, then JSON."""
    api = service.api
    types: dict[str, Any] = {}
    for definition in api.types.definitions.values():
        types[definition.name] = {
            "docs": documentation(definition),
            "items": members_documentation(definition),
        }
    functions = {op.name: {"docs": inspect.getdoc(op.function) or ""} for op in api.operations}
    docs = documentation_of_module(service)
    interface = {"docs": docs, "funcs": functions, "types": types}
    content = {"docs": docs, "interfaces": {api.name: interface}}
    return f"package-docs:{api.package}", b"\x01" + json.dumps(content, ensure_ascii=False).encode()


def _uses_datetime(service: Service) -> bool:
    shapes = [member.shape for definition in service.api.types.definitions.values() for member in definition.members or ()]
    for operation in service.api.operations:
        shapes += [parameter.shape for parameter in operation.parameters if parameter.shape]
        shapes += [operation.result] if operation.result else []
    words = [word for shape in shapes for word in shape.wit.replace("<", " ").replace(">", " ").replace(",", " ").split()]
    return "datetime" in words or any("datetime" in item.split("<") for item in service.api.types.pages.values())


def _docs(docs: str, depth: int) -> list[str]:
    return [f"{'    ' * depth}/// {line}".rstrip() for line in docs.splitlines()]


def documentation_of_module(service: Service) -> str:
    """Returns the docstring of the module that creates the service."""
    module = sys.modules.get(service.module)
    return (inspect.getdoc(module) or "") if module else ""


def documentation(definition: Definition) -> str:
    """Returns the docstring of a class that its author wrote, or the text that follows the variable of a union."""
    if definition.alias is not None:
        module, variable = definition.alias
        return _texts(_tree(sys.modules[module])).get(variable, "")
    tree = _tree(definition.python)
    return (ast.get_docstring(tree) or "") if isinstance(tree, ast.ClassDef) else ""


def members_documentation(definition: Definition) -> dict[str, str]:
    """Returns the texts that follow the fields or the cases of a class, by their names in WIT."""
    return {kebab(name): text for name, text in _texts(_tree(definition.python)).items()}


def _texts(tree: ast.Module | ast.ClassDef | None) -> dict[str, str]:
    """Returns the texts that follow the variables of a module or a class."""
    texts: dict[str, str] = {}
    for variable, after in zip(tree.body, tree.body[1:]) if tree else ():
        targets = getattr(variable, "targets", None) or [getattr(variable, "target", getattr(variable, "name", None))]
        if (
            isinstance(targets[0], ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            texts[targets[0].id] = inspect.cleandoc(after.value.value)
    return texts


def _tree(python: Any) -> ast.Module | ast.ClassDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(python)))
    except (OSError, TypeError):
        return None
    if inspect.ismodule(python):
        return tree
    [statement] = tree.body
    return statement if isinstance(statement, ast.ClassDef) else None
