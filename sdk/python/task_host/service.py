"""A service: its operations, its self-test, and what it tells the host about itself."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from . import files, platform
from .names import kebab
from .page import Cursor, Page
from .types import Shape, Types, optional

F = TypeVar("F", bound=Callable[..., Any])

#: The platform's own interfaces, and the world of a component.
_TAKEN = {"events", "log", "logic", "service", "sql", "types"}
_CURSOR = (("cursor", "option<string>"), ("limit", "option<u32>"))


@dataclass
class Parameter:
    """A parameter of an operation. The shape of a cursor is None: it is two parameters of the API."""

    name: str
    attribute: str
    shape: Shape | None
    default: Any

    def wit(self) -> list[tuple[str, str]]:
        return list(_CURSOR) if self.shape is None else [(self.name, self.shape.wit)]


@dataclass
class Operation:
    """A function with a route."""

    name: str
    function: Callable[..., Any]
    method: str
    path: str
    parameters: list[Parameter]
    #: None: the operation returns nothing.
    result: Shape | None
    is_page: bool
    status: int
    location: str | None
    etag: str | None


@dataclass
class _Route:
    function: Callable[..., Any]
    method: str
    path: str
    status: int | None
    location: str | None
    etag: str | None


@dataclass
class Api:
    """The interface of a service."""

    package: str
    name: str
    types: Types
    operations: list[Operation]


class Service:
    """A service, which is made of functions with routes:

        service = Service("Bookmarks", migrations="migrations")

        @service.get("/bookmarks/{id}")
        def get(id: int) -> Bookmark:
            ...

    `migrations` and `assets` are folders beside the file that creates the service. The name is the title of the API's
    documentation, and in kebab-case the name of its interface.
    """

    def __init__(
        self, name: str, *, version: str = "0.1.0", migrations: str | None = None, assets: str | None = None
    ) -> None:
        module = sys._getframe(1).f_globals
        folder = Path(module["__file__"]).parent
        self.name = name
        self.version = version
        self.interface = kebab(re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_"))
        if self.interface in _TAKEN:
            raise TypeError(f"the service cannot be called {name!r}: the platform has an interface of this name")
        #: The module that creates the service.
        self.module: str = module["__name__"]
        self.migrations = [] if migrations is None else files.migrations(folder / migrations)
        self.assets = [] if assets is None else files.assets(folder / assets)
        self.self_test: Callable[[], None] | None = None
        self.figures: Callable[[], dict[str, int]] | None = None
        self._routes: list[_Route] = []

    def get(self, path: str, *, status: int | None = None, etag: str | None = None) -> Callable[[F], F]:
        """Makes an operation of a function that reads. It cannot write.

        `etag` is the field of the result that is the entity tag.
        """
        return self._route("get", path, status, None, etag)

    def post(
        self, path: str, *, status: int | None = None, location: str | None = None, etag: str | None = None
    ) -> Callable[[F], F]:
        """Makes an operation of a function that creates something.

        `location` is the `Location` header, with fields of the result: `/bookmarks/{id}`. With it the status is 201.
        """
        return self._route("post", path, status, location, etag)

    def put(self, path: str, *, status: int | None = None, etag: str | None = None) -> Callable[[F], F]:
        """Makes an operation of a function that replaces something."""
        return self._route("put", path, status, None, etag)

    def patch(self, path: str, *, status: int | None = None, etag: str | None = None) -> Callable[[F], F]:
        """Makes an operation of a function that takes a JSON merge patch."""
        return self._route("patch", path, status, None, etag)

    def delete(self, path: str, *, status: int | None = None) -> Callable[[F], F]:
        """Makes an operation of a function that deletes something."""
        return self._route("delete", path, status, None, None)

    def check(self, function: F) -> F:
        """Makes a function the self-test. It runs before the logic serves, and what it writes is rolled back. If it
        raises an exception, the host refuses the logic."""
        self.self_test = function
        return function

    def health(self, function: F) -> F:
        """Makes a function the source of figures for `GET /health`: it returns a dict of integers."""
        self.figures = function
        return function

    def _route(
        self, method: str, path: str, status: int | None, location: str | None, etag: str | None
    ) -> Callable[[F], F]:
        def decorate(function: F) -> F:
            @functools.wraps(function)
            def operation(*args: Any, **kwargs: Any) -> Any:
                with platform.current().operation(method == "get"):
                    return function(*args, **kwargs)

            self._routes.append(_Route(function, method, path, status, location, etag))
            self.__dict__.pop("api", None)
            return operation  # type: ignore[return-value]

        return decorate

    @cached_property
    def api(self) -> Api:
        """The interface of the service. A `TypeError` says what cannot be part of it."""
        if not self._routes:
            raise TypeError(f'the service {self.name} has no operation: give a function a route, such as @service.get("/")')
        types = Types()
        operations: dict[str, Operation] = {}
        for route in self._routes:
            try:
                operation = _operation(route, types)
            except TypeError as error:
                raise _mistake(route.function, error) from None
            if operation.name in operations:
                raise _mistake(route.function, f"two operations have the name {route.function.__name__}")
            operations[operation.name] = operation
        for name, operation in operations.items():
            if name in types.definitions or name in types.pages:
                what = f"the operation {operation.function.__name__} has the name of a type in the API: {name}; rename one"
                raise _mistake(operation.function, what)
        return Api(f"{self.interface}:api", self.interface, types, list(operations.values()))

    def routes(self) -> list[dict[str, Any]]:
        """Returns the routes, with the members of `route` in the platform's WIT."""
        api = self.api
        return [
            {
                "method": operation.method,
                "path": operation.path,
                "operation": f"{api.package}/{api.name}#{operation.name}",
                "access": "read" if operation.method == "get" else "write",
                "success": operation.status,
                "location": operation.location,
                "body": "items" if operation.is_page else None,
                "etag": operation.etag,
                "next": "next" if operation.is_page else None,
            }
            for operation in api.operations
        ]

    def constraints(self) -> list[dict[str, Any]]:
        """Returns the bounds on values of requests, with the members of `constraint` in the platform's WIT."""
        api = self.api
        places: list[tuple[str, Shape]] = []
        for definition in api.types.definitions.values():
            places += [(f"{definition.name}.{member.name}", member.shape) for member in definition.members or ()]
        for operation in api.operations:
            for parameter in operation.parameters:
                if parameter.shape is not None:
                    places.append((f"{operation.name}.{parameter.name}", parameter.shape))
        return [
            {"place": f"{api.package}/{api.name}#{place}{below}", **bounds}
            for place, shape in places
            for below, bounds in shape.checks
        ]


def _mistake(function: Callable[..., Any], what: object) -> TypeError:
    """Returns the error for a mistake in a function, with its place."""
    code = inspect.unwrap(function).__code__
    return TypeError(f"{os.path.relpath(code.co_filename)}:{code.co_firstlineno}: {what}")


def _operation(route: _Route, types: Types) -> Operation:
    function = route.function
    name = function.__name__
    types.module = function.__module__
    hints = get_type_hints(function, include_extras=True)
    parameters = [_parameter(name, item, hints, types) for item in inspect.signature(function).parameters.values()]
    _check_path(name, route.path, parameters)
    if "return" not in hints:
        raise TypeError(f"{name}: state what it returns, such as -> Bookmark or -> None")
    returned = hints["return"]
    is_page = get_origin(returned) is Page
    result = None
    if is_page:
        result = types.page(get_args(returned)[0], name)
    elif returned is not type(None):
        result = types.shape(returned, f"the result of {name}")
    success = 201 if route.location else 204 if result is None else 200
    return Operation(
        kebab(name),
        function,
        route.method,
        route.path,
        parameters,
        result,
        is_page,
        route.status or success,
        route.location,
        route.etag,
    )


def _parameter(function: str, item: inspect.Parameter, hints: dict[str, Any], types: Types) -> Parameter:
    place = f"{function}, {item.name}"
    if item.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise TypeError(f"{place}: an operation names each of its parameters")
    if item.name not in hints:
        raise TypeError(f"{place}: state its type, such as {item.name}: int")
    hint = hints[item.name]
    if hint is Cursor:
        return Parameter("cursor", item.name, None, inspect.Parameter.empty)
    shape = types.shape(hint, place)
    if item.default is not inspect.Parameter.empty and not shape.wit.startswith("option<"):
        shape = optional(shape)
    return Parameter(kebab(item.name), item.name, shape, item.default)


def _check_path(function: str, path: str, parameters: list[Parameter]) -> None:
    if not path.startswith("/"):
        raise TypeError(f"{function}: the path {path} must begin with /")
    names = {parameter.attribute for parameter in parameters}
    for name in re.findall(r"\{([^}]*)\}", path):
        if name not in names:
            raise TypeError(f"{function}: the path names {{{name}}}, but the function has no parameter {name}")
