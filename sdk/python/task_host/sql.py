"""Statements with named parameters, and their rows as dataclasses and values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from . import platform
from .problem import Problem
from .types import case_name, is_union, unannotated

T = TypeVar("T")

_TOKENS = re.compile(
    r"""'(?:[^']|'')*'          # a text
      | "(?:[^"]|"")*"          # a quoted name
      | --[^\n]* | /\*.*?\*/    # comments
      | \{ (?P<name> [^{}]* ) \}
      | (?P<other> [{}'"] )""",
    re.VERBOSE | re.DOTALL,
)


class StatementFailed(Exception):
    """A statement failed. `cause` is `unique`, `foreign-key`, `check`, `not-null` or `other`.

    The transaction cannot continue. If an operation does not expect the failure, the client gets 500
    `service-failed`, and the log has the details.
    """

    def __init__(self, cause: str, constraint: str | None, detail: str, statement: str = "") -> None:
        super().__init__(cause, constraint, detail, statement)
        self.cause = cause
        self.constraint = constraint
        self.detail = detail
        self.statement = statement

    def __str__(self) -> str:
        return f"{self.detail} in the statement: {self.statement}"


class NoRow(LookupError):
    """A statement that must return a row returned none."""


class RowMismatch(TypeError):
    """A row does not fit the type that it is read as."""


def sql(text: str, /, **values: object) -> Statement:
    """Makes a statement. Each `{name}` in the text is a parameter, whose value is an argument:

        sql("select id, url from bookmarks where id = {id}", id=id).one(Bookmark)

    `{draft.url}` is an attribute of the argument `draft`. Values are never part of the text.
    """
    parsed, names = _parse(text)
    roots = {name.partition(".")[0] for name in names}
    if roots != values.keys():
        missing, unused = sorted(roots - values.keys()), sorted(values.keys() - roots)
        reason = f"no value for {{{missing[0]}}}" if missing else f"no {{{unused[0]}}} in the text"
        raise TypeError(f"{reason} in the statement: {text}")
    return Statement(parsed, [_parameter(name, values) for name in names])


@cache
def _parse(text: str) -> tuple[str, tuple[str, ...]]:
    """Returns the text with `$n` for the nth parameter, and the names of the parameters."""
    names: list[str] = []

    def replace(token: re.Match[str]) -> str:
        if token["other"]:
            raise TypeError(f"{token['other']} has no counterpart in the statement: {text}")
        name = token["name"]
        if name is None:
            return token[0]
        name = name.strip()
        if not all(part.isidentifier() for part in name.split(".")):
            raise TypeError(f"{{{name}}} is not a name in the statement: {text}")
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _TOKENS.sub(replace, text), tuple(names)


def _parameter(name: str, values: dict[str, object]) -> platform.Value:
    root, *attributes = name.split(".")
    value = values[root]
    for attribute in attributes:
        value = getattr(value, attribute)
    match value:
        case Enum():
            return case_name(value)
        case datetime():
            return platform.micros(value)
        case int() if not -(2**63) <= value < 2**63:
            raise TypeError(f"{{{name}}} is {value}, which no column can hold")
        case None | bool() | int() | float() | str() | bytes():
            return value
    raise TypeError(
        f"{{{name}}} is of type {type(value).__name__}, which no column has; pass a list as one parameter of JSON "
        "text, and read it with json_each or json_array_elements"
    )


class Statement:
    """A statement with its parameters. It runs when `one`, `optional`, `all` or `execute` is called.

    `sql` makes it. Create one directly if the text is made at run time: `$n` is the nth parameter. Make such texts from
    few forms, because engines keep statements by their text, and never from what a client sent.
    """

    def __init__(self, text: str, params: list[platform.Value]) -> None:
        self.text = text
        self.params = params
        self._expected: dict[str, tuple[int, str, str]] = {}

    def on_unique(self, status: int, code: str, title: str) -> Statement:
        """If the statement breaks a unique constraint or a primary key, it raises this problem."""
        return self._on("unique", status, code, title)

    def on_foreign_key(self, status: int, code: str, title: str) -> Statement:
        """If the statement breaks a foreign key, it raises this problem."""
        return self._on("foreign-key", status, code, title)

    def on_check(self, status: int, code: str, title: str) -> Statement:
        """If the statement breaks a check constraint, it raises this problem."""
        return self._on("check", status, code, title)

    def on_missing(self, status: int, code: str, title: str) -> Statement:
        """If `one` finds no row, it raises this problem."""
        return self._on("missing", status, code, title)

    def _on(self, cause: str, *problem: Any) -> Statement:
        self._expected[cause] = problem
        return self

    def all(self, into: type[T]) -> list[T]:
        """Runs the statement and returns its rows.

        `into` is a dataclass, whose fields are the columns in their order, a `tuple[…]`, or the type of one column.
        """
        names, read = row_reader(into)
        columns, rows = self._run(platform.current().query)
        if names is not None and columns is not None and columns != names:
            raise RowMismatch(
                f"the statement returns the columns {columns}, but {into.__name__} has the fields {names}: make them "
                f"the same, in the same order: {self.text}"
            )
        try:
            return [read(row) for row in rows]
        except RowMismatch as mismatch:
            raise RowMismatch(f"{mismatch} in the statement: {self.text}") from None

    def optional(self, into: type[T]) -> T | None:
        """Runs the statement and returns its first row. None if it has none."""
        return next(iter(self.all(into)), None)

    def one(self, into: type[T]) -> T:
        """Runs the statement and returns its first row. Without one, it raises `NoRow`: see `on_missing`."""
        for row in self.all(into):
            return row
        if problem := self._expected.get("missing"):
            raise Problem(*problem)
        raise NoRow(f"no row from the statement: {self.text}")

    def execute(self) -> int:
        """Runs the statement and returns the number of rows that it changed."""
        return self._run(platform.current().execute)

    def _run(self, function: Callable[[str, list[platform.Value]], T]) -> T:
        try:
            return function(self.text, self.params)
        except StatementFailed as failure:
            if problem := self._expected.get(failure.cause):
                raise Problem(*problem) from None
            failure.statement = self.text
            raise


@cache
def row_reader(into: Any) -> tuple[list[str] | None, Callable[[tuple[platform.Value, ...]], Any]]:
    """Returns the names of the columns, if the type has names, and a function that reads a row."""
    if is_dataclass(into):
        hints = get_type_hints(into, include_extras=True)
        names = [field.name for field in fields(into)]
        readers = [_cell_reader(f"{into.__name__}.{name}", hints[name]) for name in names]
        return [name.removesuffix("_") for name in names], lambda row: into(*_read(readers, row))
    if get_origin(into) is tuple:
        readers = [_cell_reader(f"column {at}", hint) for at, hint in enumerate(get_args(into), 1)]
        return None, lambda row: tuple(_read(readers, row))
    readers = [_cell_reader("column 1", into)]
    return None, lambda row: next(_read(readers, row))


def _read(readers: list[Callable[[Any], Any]], row: tuple[platform.Value, ...]) -> Any:
    if len(row) < len(readers):
        raise RowMismatch(f"a row has {len(row)} columns, and {len(readers)} are read")
    return (reader(cell) for reader, cell in zip(readers, row))


def _cell_reader(place: str, hint: Any) -> Callable[[Any], Any]:
    hint, _ = unannotated(hint)
    optional = False
    if is_union(hint):
        inner = [part for part in get_args(hint) if part is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"{place}: a column cannot be read as {hint}")
        hint, _ = unannotated(inner[0])
        optional = True
    convert = _conversion(place, hint)

    def read(cell: Any) -> Any:
        if cell is None:
            if optional:
                return None
            raise RowMismatch(f"{place}: the column is null; make it `| None`, or the column NOT NULL")
        try:
            return convert(cell)
        except (KeyError, TypeError, ValueError):
            kind = getattr(hint, "__name__", hint)
            raise RowMismatch(f"{place}: the column is {type(cell).__name__}, and not {kind}") from None

    return read


def _conversion(place: str, hint: Any) -> Callable[[Any], Any]:
    def exactly(*kinds: type) -> Callable[[Any], Any]:
        def convert(cell: Any) -> Any:
            if type(cell) not in kinds:
                raise TypeError
            return cell

        return convert

    if hint in (int, str, bytes):
        return exactly(hint)
    if hint is float:
        number = exactly(float, int)
        return lambda cell: float(number(cell))
    if hint is bool:
        # SQLite has no booleans: 0 and 1.
        return {0: False, 1: True}.__getitem__
    if hint is datetime:
        integer = exactly(int)
        return lambda cell: platform.from_micros(integer(cell))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {case_name(case): case for case in hint}.__getitem__
    raise TypeError(
        f"{place}: a column cannot be read as {hint}; use int, float, bool, str, bytes, datetime, an Enum, or one of "
        "these with `| None`"
    )
