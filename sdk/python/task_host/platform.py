"""What takes the place of the host: the host itself in a component, a database in memory in tests."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: A value of a parameter or of a cell.
Value = bool | int | float | str | bytes | None


class Platform(Protocol):
    """The functions of the host."""

    def dialect(self) -> str: ...

    def query(self, statement: str, params: list[Value]) -> tuple[list[str] | None, list[tuple[Value, ...]]]:
        """Returns the names of the columns, if they are known, and the rows."""

    def execute(self, statement: str, params: list[Value]) -> int: ...

    def publish(self, kind: str, subject: str, attributes: list[tuple[str, str]]) -> None: ...

    def now(self) -> datetime: ...

    def operation(self, read_only: bool) -> AbstractContextManager[None]:
        """Runs the body as one transaction. Within another operation, the body is a part of that one."""


_current: Platform | None = None


def current() -> Platform:
    """Returns the platform that the logic runs on."""
    if _current is None:
        raise RuntimeError(
            "there is no database here: outside of a component, logic runs in `with task_host.testing.Database(service):`"
        )
    return _current


def use(platform: Platform | None) -> Platform | None:
    """Replaces the platform and returns the one before."""
    global _current
    before, _current = _current, platform
    return before


def dialect() -> str:
    """Returns the dialect of the database: `sqlite` or `postgres`."""
    return current().dialect()


def event(kind: str, subject: object, /, **attributes: object) -> None:
    """Publishes an event: what happened as `thing.verb`, what it happened to, and facts about it.

    Clients that follow `GET /events` receive it if the transaction commits. Every client can: put no secrets into it.
    """
    current().publish(kind, str(subject), [(name, str(value)) for name, value in attributes.items()])


def now() -> datetime:
    """Returns the time of the request, in UTC. It stands still during the request. Tests can set it."""
    return current().now()


def micros(time: datetime) -> int:
    """Returns a point in time as microseconds since 1970, as statements store it."""
    if time.tzinfo is None:
        raise TypeError(f"{time!r} has no time zone: use task_host.now() or datetime.now(UTC)")
    return (time - EPOCH) // timedelta(microseconds=1)


def from_micros(number: int) -> datetime:
    """Returns the point in time of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=number)
