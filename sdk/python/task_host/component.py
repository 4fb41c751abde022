"""The component's side: what the host calls, made of a service. Only a component can import this module."""

from __future__ import annotations

import linecache
import logging
import os
import sys
import time
import traceback
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from importlib import import_module
from inspect import Parameter as Signature
from typing import Any

from componentize_py_types import Err
from wit_world.exports import service as bindings
from wit_world.imports import events, log, sql
from wit_world.imports.types import FieldError as WitFieldError
from wit_world.imports.types import Problem as WitProblem

from . import platform
from .names import camel, snake
from .page import Cursor
from .problem import Problem
from .service import Operation, Service
from .sql import StatementFailed

#: What the host keeps of a line.
_LINE_BYTES = 3000
_HERE = os.path.dirname(__file__)
#: Where the service's modules are while the component is made.
_root = ""
_LOGGER = logging.getLogger("task_host")


class Host:
    """The host, by the bindings."""

    def dialect(self) -> str:
        return sql.engine().name.lower()

    def query(self, statement: str, params: list[platform.Value]) -> tuple[None, list[tuple[platform.Value, ...]]]:
        try:
            rows = sql.query(statement, [_value(param) for param in params])
        except Err as error:
            raise _failure(error.value) from None
        cells, heap, width = rows.cells, rows.heap, rows.width
        values = [_READERS[type(cell)](cell, heap) for cell in cells]
        return None, [tuple(values[at : at + width]) for at in range(0, len(values), width)]

    def execute(self, statement: str, params: list[platform.Value]) -> int:
        try:
            return sql.execute(statement, [_value(param) for param in params])
        except Err as error:
            raise _failure(error.value) from None

    def publish(self, kind: str, subject: str, attributes: list[tuple[str, str]]) -> None:
        events.publish(events.Event(kind, subject, attributes))

    def now(self) -> datetime:
        return platform.EPOCH + timedelta(microseconds=time.time_ns() // 1000)

    def operation(self, read_only: bool) -> AbstractContextManager[None]:
        # The host's transaction surrounds the call.
        return nullcontext()


_READERS = {
    sql.Cell_Null: lambda cell, heap: None,
    sql.Cell_Boolean: lambda cell, heap: cell.value,
    sql.Cell_Integer: lambda cell, heap: cell.value,
    sql.Cell_Real: lambda cell, heap: cell.value,
    sql.Cell_Text: lambda cell, heap: heap[cell.value.start : cell.value.start + cell.value.len].decode(),
    sql.Cell_Blob: lambda cell, heap: heap[cell.value.start : cell.value.start + cell.value.len],
}

_VALUES = {
    bool: sql.Value_Boolean,
    int: sql.Value_Integer,
    float: sql.Value_Real,
    str: sql.Value_Text,
    bytes: sql.Value_Blob,
}


def _value(value: platform.Value) -> Any:
    return sql.Value_Null() if value is None else _VALUES[type(value)](value)


def _failure(failure: Any) -> StatementFailed:
    return StatementFailed(failure.cause.name.lower().replace("_", "-"), failure.constraint, failure.detail)


class LogHandler(logging.Handler):
    """Writes the records of Python's `logging` to the host's log. What `extra` holds are the fields."""

    _STANDARD = frozenset(vars(logging.makeLogRecord({})))

    def emit(self, record: logging.LogRecord) -> None:
        fields = [(name, str(value)) for name, value in vars(record).items() if name not in self._STANDARD]
        if record.name != _LOGGER.name:
            fields.insert(0, ("logger", record.name))
        if record.exc_info and record.exc_info[1] is not None:
            fields += exception_fields(record.exc_info[1])
        if record.levelno >= logging.ERROR:
            level = log.Level.ERROR
        elif record.levelno >= logging.WARNING:
            level = log.Level.WARN
        else:
            level = log.Level.INFO if record.levelno >= logging.INFO else log.Level.DEBUG
        log.write(level, record.getMessage(), fields)


def exception_fields(error: BaseException) -> list[tuple[str, str]]:
    """Returns the fields that describe an exception, with the names of OpenTelemetry. The frames of this package are
    left out: the service's own say what is wrong."""
    report = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in report.stack if not frame.filename.startswith(_HERE)]
    fields = []
    for frame in frames:
        frame.filename = frame.filename.removeprefix(_root)
    if frames:
        fields += [("code.file.path", frames[-1].filename), ("code.line.number", str(frames[-1].lineno))]
        report.stack = traceback.StackSummary.from_list(frames)
    fields += [("exception.type", type(error).__name__), ("exception.message", str(error))]
    if isinstance(error, StatementFailed):
        fields.append(("db.query.text", error.statement))
    # The last lines are those that matter.
    fields.append(("exception.stacktrace", "".join(report.format())[-_LINE_BYTES:]))
    return fields


def _begin() -> None:
    """Gives `random` a new state in each request: that of the build is a part of the component. Services that do not
    import it pay nothing."""
    if (random := sys.modules.get("random")) is not None:
        random.seed(int.from_bytes(os.urandom(32)))


def _unhandled(error: Exception) -> Problem:
    """Logs an exception that the service did not handle, and returns a problem that shows nothing of it."""
    _LOGGER.error("%s: %s", type(error).__name__, error, exc_info=error)
    return Problem(500, "service-failed", "The service failed")


def _problem(problem: Problem) -> Err[Any]:
    errors = [WitFieldError(error.pointer, error.detail) for error in problem.errors]
    extensions = list(problem.extensions.items())
    return Err(WitProblem(problem.status, problem.code, problem.title, problem.detail, errors, extensions))


def _export(operation: Operation) -> Any:
    """Returns the method that the host calls for an operation."""
    parameters, result, function = operation.parameters, operation.result, operation.function

    def call(self: object, *values: Any) -> Any:
        _begin()
        try:
            arguments, rest = {}, iter(values)
            for parameter in parameters:
                value = next(rest)
                if parameter.shape is None:
                    value = Cursor(value, next(rest))
                elif value is None and parameter.default is not Signature.empty:
                    value = parameter.default
                elif parameter.shape.lift is not None:
                    value = parameter.shape.lift(value)
                arguments[parameter.attribute] = value
            returned = function(**arguments)
            if result is None:
                return None
            return returned if result.lower is None else result.lower(returned)
        except Problem as problem:
            raise _problem(problem) from None
        except Exception as error:
            raise _problem(_unhandled(error)) from None

    return call


def _keep_lines(module: str) -> None:
    """Keeps the texts of the service's modules, so that tracebacks show their lines: a component has no files."""
    global _root
    folder = os.path.dirname(sys.modules[module].__file__ or "")
    if not folder:
        # The modules came from a slot: see `reload`.
        return
    _root = folder.rstrip("/") + "/"
    for other in list(sys.modules.values()):
        file = getattr(other, "__file__", None) or ""
        if file.startswith(_root) and file.endswith(".py"):
            with open(file, encoding="utf-8") as source:
                text = source.read()
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


def exports(service: Service) -> tuple[type, type]:
    """Returns the classes that the component exports: that of the platform's service, and that of its own interface."""
    api = service.api
    api.types.bindings = import_module(f"wit_world.exports.{snake(api.name)}")
    platform.use(Host())
    _keep_lines(service.module)
    logging.basicConfig(level=logging.INFO, handlers=[LogHandler()], force=True)
    methods = {snake(operation.name): _export(operation) for operation in api.operations}

    class Platform:
        def describe(self) -> Any:
            routes = [
                bindings.Route(
                    **{
                        **route,
                        "method": bindings.Method[route["method"].upper()],
                        "access": bindings.Access[route["access"].upper()],
                    }
                )
                for route in service.routes()
            ]
            migrations = [bindings.Migration(step.name, step.sqlite, step.postgres) for step in service.migrations]
            bounds = dict.fromkeys(bindings.Constraint.__dataclass_fields__)
            constraints = [bindings.Constraint(**{**bounds, **constraint}) for constraint in service.constraints()]
            return bindings.Description(service.name, service.version, routes, migrations, constraints)

        def assets(self) -> Any:
            return [bindings.Asset(asset.path, asset.media_type, asset.content) for asset in service.assets]

        def check(self) -> None:
            _begin()
            try:
                if service.self_test is not None:
                    service.self_test()
            except Exception as error:
                _LOGGER.error("the self-test failed", exc_info=error)
                raise Err(str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}") from None

        def health(self) -> list[tuple[str, int]]:
            _begin()
            try:
                return [] if service.figures is None else list(service.figures().items())
            except Problem as problem:
                raise Err(problem.title) from None
            except Exception as error:
                raise Err(_unhandled(error).title) from None

    return Platform, type(camel(api.name), (), methods)
