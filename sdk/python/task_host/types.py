"""The types of an API: those of Python, their WIT, and the conversion of values between the two.

The bindings in a component have classes of their own for records and enums. Values are converted where the two differ;
texts, numbers and lists of them pass as they are.
"""

from __future__ import annotations

import functools
import operator
import sys
import types
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from .checks import Check
from .names import camel, kebab, snake
from .page import Page
from .platform import EPOCH


@dataclass(frozen=True)
class Wit:
    """The WIT of a number, as in `Annotated[int, Wit("u32")]`."""

    name: str


S8 = Annotated[int, Wit("s8")]
S16 = Annotated[int, Wit("s16")]
S32 = Annotated[int, Wit("s32")]
U8 = Annotated[int, Wit("u8")]
U16 = Annotated[int, Wit("u16")]
U32 = Annotated[int, Wit("u32")]
U64 = Annotated[int, Wit("u64")]
F32 = Annotated[float, Wit("f32")]


class Absent(Enum):
    """The type of `ABSENT`: a member that a merge patch leaves out, in contrast to null."""

    ABSENT = "absent"

    def __bool__(self) -> bool:
        return False


#: A member that a merge patch leaves out: `title: str | None | Absent = ABSENT`.
ABSENT = Absent.ABSENT

_SIMPLE = {bool: "bool", int: "s64", float: "f64", str: "string", bytes: "list<u8>"}

#: Converts a value. None: it passes as it is.
Conversion = Callable[[Any], Any] | None


@dataclass
class Instant:
    """A point in time as WASI has it."""

    seconds: int
    nanoseconds: int


@dataclass(frozen=True)
class Shape:
    """A type of the API."""

    wit: str
    lift: Conversion = None
    lower: Conversion = None
    #: Bounds on the value and its parts: the place below the value, such as `[]`, and the bounds.
    checks: tuple[tuple[str, dict[str, object]], ...] = ()


@dataclass
class Member:
    """A field of a record."""

    name: str
    attribute: str
    shape: Shape
    default: Any


@dataclass
class Definition:
    """A record, an enum or a variant of the API."""

    name: str
    #: The class, or the union.
    python: Any
    #: The fields of a record. None for other types.
    members: list[Member] | None = None
    #: The cases of an enum or a variant: their names in WIT, with the WIT of the payload if there is one.
    cases: list[tuple[str, str | None]] | None = None
    #: The module and the variable that hold a union, if it has one.
    alias: tuple[str, str] | None = None


def is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def unannotated(hint: Any) -> tuple[Any, list[Any]]:
    """Returns a type without its alias, and what `Annotated` says about it."""
    # `type Name = …` of Python 3.12.
    hint = getattr(hint, "__value__", hint)
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        inner, more = unannotated(inner)
        return inner, more + notes
    return hint, []


def case_name(case: Enum) -> str:
    """Returns the name of a case, as in JSON and in columns."""
    return kebab(case.name).replace("-", "_")


class Types:
    """The types that an API uses, in the order in which they are found."""

    def __init__(self) -> None:
        self.definitions: dict[str, Definition] = {}
        #: The pages: the name of the record, and the WIT of an item.
        self.pages: dict[str, str] = {}
        #: The module of the bindings with the classes of the interface. None outside of a component.
        self.bindings: Any = None
        #: The module of the function whose types are read: its variables are names of unions.
        self.module = ""
        self._open: list[type] = []

    def shape(self, hint: Any, place: str) -> Shape:
        """Returns the shape of a type. `place` names the type in errors."""
        hint, notes = unannotated(hint)
        bounds: dict[str, object] = {}
        for note in notes:
            if isinstance(note, Check):
                bounds |= note.bounds()
        shape = self._shape(hint, notes, place)
        if bounds:
            shape = Shape(shape.wit, shape.lift, shape.lower, (("", bounds), *shape.checks))
        return shape

    def _shape(self, hint: Any, notes: list[Any], place: str) -> Shape:
        for note in notes:
            if isinstance(note, Wit):
                return Shape(note.name)
        if hint in _SIMPLE:
            return Shape(_SIMPLE[hint], lower=float if hint is float else None)
        if hint is datetime:
            return Shape("datetime", lift_datetime, lower_datetime)
        if is_union(hint):
            return self._option(hint, place)
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is list and len(arguments) == 1:
            return self._list(arguments[0], place)
        if origin is tuple and arguments and ... not in arguments:
            return self._tuple(arguments, place)
        if origin is dict and len(arguments) == 2:
            return self._map(arguments, place)
        if origin is Page:
            raise TypeError(f"{place}: a page is a result of its own: -> Page[T]")
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._enum(hint)
        if is_dataclass(hint):
            return self._record(hint, place)
        raise TypeError(
            f"{place}: the API has no type such as {getattr(hint, '__name__', hint)}; use bool, int, float, str, bytes, "
            "datetime, list[T], tuple[…], dict[str, T], T | None, a dataclass, a union of dataclasses or an Enum"
        )

    def _option(self, hint: Any, place: str) -> Shape:
        parts = [part for part in get_args(hint) if part not in (type(None), Absent)]
        inner = self.shape(parts[0], place) if len(parts) == 1 else self._variant(parts, place)
        lift, lower = inner.lift, inner.lower
        if len(parts) == len(get_args(hint)):
            return inner
        if Absent not in get_args(hint):
            return Shape(f"option<{inner.wit}>", _maybe(lift), _maybe(lower), inner.checks)
        if type(None) not in get_args(hint):
            raise TypeError(f"{place}: what can be absent can be null, too: {hint} | None")

        def lift_absent(value: Any) -> Any:
            if value is None:
                return ABSENT
            return value.value if lift is None or value.value is None else lift(value.value)

        def lower_absent(value: Any) -> Any:
            if value is ABSENT:
                return None
            return _some(value if lower is None or value is None else lower(value))

        return Shape(f"option<option<{inner.wit}>>", lift_absent, lower_absent, inner.checks)

    def _list(self, item: Any, place: str) -> Shape:
        inner = self.shape(item, place)
        if inner.wit == "u8":
            raise TypeError(f"{place}: use bytes for a list of bytes")
        checks = tuple((f"[]{below}", bounds) for below, bounds in inner.checks)
        return Shape(f"list<{inner.wit}>", _each(inner.lift), _each(inner.lower), checks)

    def _tuple(self, items: tuple[Any, ...], place: str) -> Shape:
        shapes = [self.shape(item, place) for item in items]
        checks = tuple(
            (f"[{at}]{below}", bounds) for at, shape in enumerate(shapes) for below, bounds in shape.checks
        )

        def convert(conversions: list[Conversion]) -> Conversion:
            if not any(conversions):
                return None
            return lambda value: tuple(part if to is None else to(part) for to, part in zip(conversions, value))

        return Shape(
            f"tuple<{', '.join(shape.wit for shape in shapes)}>",
            convert([shape.lift for shape in shapes]),
            convert([shape.lower for shape in shapes]),
            checks,
        )

    def _map(self, arguments: tuple[Any, ...], place: str) -> Shape:
        if arguments[0] is not str:
            raise TypeError(f"{place}: the keys of an object are texts: dict[str, T]")
        inner = self.shape(arguments[1], place)
        lift, lower = inner.lift, inner.lower
        checks = tuple((f"[]{below}", bounds) for below, bounds in inner.checks)
        return Shape(
            f"list<tuple<string, {inner.wit}>>",
            lambda pairs: {key: value if lift is None else lift(value) for key, value in pairs},
            lambda value: [(key, part if lower is None else lower(part)) for key, part in value.items()],
            checks,
        )

    def _define(self, definition: Definition) -> Definition:
        if definition.name in ("problem", "datetime"):
            raise TypeError(f"the platform has a type of the name {definition.name}: rename {camel(definition.name)}")
        known = self.definitions.setdefault(definition.name, definition)
        if known.python != definition.python:
            name = getattr(definition.python, "__name__", camel(definition.name))
            raise TypeError(f"two types of the API have the name {name}: rename one")
        return known

    def _enum(self, python: type[Enum]) -> Shape:
        for case in python:
            if isinstance(case.value, str) and case.value != case_name(case):
                raise TypeError(
                    f"{python.__name__}.{case.name} has the value {case.value!r}, but the API calls it "
                    f"{case_name(case)!r}: make them the same, or use auto()"
                )
        cases = list(python)
        if not cases:
            raise TypeError(f"{python.__name__} needs at least one case")
        name = kebab(python.__name__)
        self._define(Definition(name, python, cases=[(kebab(case.name), None) for case in cases]))
        cls = camel(name)
        return Shape(
            f"%{name}",
            lambda value: cases[value.value],
            lambda value: getattr(self.bindings, cls)(cases.index(value)),
        )

    def _record(self, python: type, place: str) -> Shape:
        if python in self._open:
            raise TypeError(f"{place}: {python.__name__} contains itself, which the API cannot have: use ids")
        known = self.definitions.get(kebab(python.__name__))
        if known is not None and known.python is python and known.members is not None:
            members = known.members
        else:
            self._open.append(python)
            hints = get_type_hints(python, include_extras=True)
            members = [self._member(python, field, hints[field.name]) for field in fields(python)]
            self._open.pop()
            if not members:
                raise TypeError(f"{python.__name__} needs at least one field")
        name = kebab(python.__name__)
        self._define(Definition(name, python, members))
        cls = camel(name)

        def lift(value: Any) -> Any:
            values = {}
            for member in members:
                part = getattr(value, snake(member.name))
                if part is None and member.default is not MISSING:
                    part = member.default()
                elif member.shape.lift is not None:
                    part = member.shape.lift(part)
                values[member.attribute] = part
            return python(**values)

        def lower(value: Any) -> Any:
            if type(value) is not python:
                raise TypeError(f"{place}: expected a {python.__name__}, and got a {type(value).__name__}")
            values = {}
            for member in members:
                part = getattr(value, member.attribute)
                values[snake(member.name)] = part if member.shape.lower is None else member.shape.lower(part)
            return getattr(self.bindings, cls)(**values)

        return Shape(f"%{name}", lift, lower)

    def _variant(self, parts: list[Any], place: str) -> Shape:
        """Returns the shape of a union of dataclasses. Its cases are tagged with the names of the classes; a class
        without fields is a case without a payload."""
        for part in parts:
            if not (isinstance(part, type) and is_dataclass(part)):
                raise TypeError(
                    f"{place}: a union of the API consists of dataclasses, whose names say which one a value is, "
                    f"and not of {getattr(part, '__name__', part)}"
                )
        payloads = {part: self._record(part, place) if fields(part) else None for part in parts}
        union: Any = functools.reduce(operator.or_, parts)
        cases = [(kebab(part.__name__), shape.wit if shape else None) for part, shape in payloads.items()]
        alias = _alias(union, [self.module, *(part.__module__ for part in parts)])
        name = kebab(alias[1]) if alias else "-or-".join(case for case, _ in cases)
        self._define(Definition(name, union, cases=cases, alias=alias))
        classes = {part: f"{camel(name)}_{camel(case)}" for part, (case, _) in zip(parts, cases)}
        parts_of = {cls: part for part, cls in classes.items()}

        def lift(value: Any) -> Any:
            part = parts_of[type(value).__name__]
            shape = payloads[part]
            return part() if shape is None or shape.lift is None else shape.lift(value.value)

        def lower(value: Any) -> Any:
            if type(value) not in payloads:
                expected = ", ".join(part.__name__ for part in parts)
                raise TypeError(f"{place}: expected one of {expected}, and got a {type(value).__name__}")
            shape = payloads[type(value)]
            cls = getattr(self.bindings, classes[type(value)])
            return cls() if shape is None or shape.lower is None else cls(shape.lower(value))

        return Shape(f"%{name}", lift, lower)

    def _member(self, python: type, field: Field[Any], hint: Any) -> Member:
        place = f"{python.__name__}.{field.name}"
        shape = self.shape(hint, place)
        default: Any = MISSING
        if field.default_factory is not MISSING:
            default = field.default_factory
        elif field.default is not MISSING and not shape.wit.startswith("option<"):
            value = field.default
            default = lambda: value  # noqa: E731
        if default is not MISSING and not shape.wit.startswith("option<"):
            shape = optional(shape)
        return Member(kebab(field.name), field.name, shape, default)

    def page(self, item: Any, place: str) -> Shape:
        """Returns the shape of a page of items."""
        inner = self.shape(item, place)
        name = "".join(c if c.isalnum() else "-" for c in inner.wit).strip("-") + "-page"
        self.pages[name] = inner.wit
        lower = _each(inner.lower)

        def lower_page(page: Page[Any]) -> Any:
            items = page.items if lower is None else lower(page.items)
            return getattr(self.bindings, camel(name))(items, page.next)

        return Shape(f"%{name}", None, lower_page)


def _alias(union: Any, modules: list[str]) -> tuple[str, str] | None:
    """Returns the variable that holds a union, with the first of these modules that has one."""
    for module in modules:
        for name, value in vars(sys.modules[module]).items() if module in sys.modules else ():
            value = getattr(value, "__value__", value)
            if is_union(value) and value == union and not name.startswith("_"):
                return module, name
    return None


def optional(shape: Shape) -> Shape:
    """Returns the shape of a value that can be left out, because it has a default."""
    return Shape(f"option<{shape.wit}>", _maybe(shape.lift), _maybe(shape.lower), shape.checks)


def _maybe(convert: Conversion) -> Conversion:
    return convert and (lambda value: None if value is None else convert(value))


def _each(convert: Conversion) -> Conversion:
    return convert and (lambda values: [convert(value) for value in values])


def _some(value: Any) -> Any:
    from componentize_py_types import Some  # exists in a component only

    return Some(value)


def lift_datetime(value: Any) -> datetime:
    return EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanoseconds // 1000)


def lower_datetime(value: datetime) -> Instant:
    if value.tzinfo is None:
        raise TypeError(f"{value!r} has no time zone: use task_host.now() or datetime.now(UTC)")
    since = value - EPOCH
    seconds = since.days * 86_400 + since.seconds
    if seconds < 0:
        raise ValueError(f"{value} is before 1970, which the API cannot have")
    return Instant(seconds, since.microseconds * 1000)
