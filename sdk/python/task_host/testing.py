"""Logic on the build machine: tests with SQLite in memory, in the place of the host.

    @pytest.fixture(autouse=True)
    def database():
        with Database(service) as database:
            yield database

Each test has a database of its own with the service's migrations. Each operation that it calls is a transaction, as on
the host: if it fails, nothing of it is kept, and after a failed statement no other one runs. A GET cannot write.

The host checks requests before it calls the logic (`Check`), and limits time, rows and memory. Neither happens here.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from . import modules, platform
from .files import Migration
from .service import Service
from .sql import StatementFailed, _parse

_CAUSES = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: "unique",
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: "unique",
    sqlite3.SQLITE_CONSTRAINT_ROWID: "unique",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "foreign-key",
    sqlite3.SQLITE_CONSTRAINT_CHECK: "check",
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "not-null",
}
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE}
_WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
_HIDDEN_FUNCTIONS = {"last_insert_rowid", "changes", "total_changes", "load_extension"}


class Database:
    """A migrated database in memory, with a clock that stands still. Within `with`, the logic uses it."""

    def __init__(self, service: Service) -> None:
        #: The events of the operations that succeeded: kind, subject and attributes.
        self.events: list[tuple[str, str, dict[str, str]]] = []
        self._service = service
        self._now = datetime.now(UTC)
        self._in_operation = self._read_only = self._failed = self._is_own = False
        self._pending: list[tuple[str, str, dict[str, str]]] = []
        # A statement is prepared again each time, so that the authorizer always sees it.
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
        self._connection.execute("pragma foreign_keys = on")
        for migration in service.migrations:
            self._migrate(migration)
        self._connection.set_authorizer(self._authorize)

    def _migrate(self, migration: Migration) -> None:
        try:
            self._connection.executescript(migration.sqlite)
        except sqlite3.Error as error:
            raise AssertionError(f"the migration {migration.name} fails: {error}") from error

    def __enter__(self) -> Database:
        self._before = platform.use(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        platform.use(self._before)
        self._connection.close()

    def set_now(self, now: datetime) -> None:
        """Sets the time of the requests that follow."""
        platform.micros(now)
        self._now = now

    def check_statements(self) -> None:
        """Compiles each `sql("…")` in the service's modules on the migrated schema, also those that no test runs."""
        faults = []
        for path in modules.own(self._service.module).values():
            for line, text in _statements(path):
                try:
                    parsed, names = _parse(text)
                    params = {str(number): None for number in range(1, len(names) + 1)}
                    self._connection.execute(f"explain {parsed}", params)
                except (sqlite3.Error, TypeError) as error:
                    faults.append(f"{path}:{line}: {error}\n    {text}")
        if faults:
            raise AssertionError("statements do not fit the schema of the migrations:\n" + "\n".join(faults))

    def dialect(self) -> str:
        return "sqlite"

    def now(self) -> datetime:
        return self._now

    def query(self, statement: str, params: list[platform.Value]) -> tuple[list[str], list[tuple[platform.Value, ...]]]:
        cursor = self._run(statement, params)
        columns = [column[0] for column in cursor.description or ()]
        return columns, self._fetch(cursor)

    def execute(self, statement: str, params: list[platform.Value]) -> int:
        cursor = self._run(statement, params)
        # With RETURNING, a statement writes while its rows are read.
        rows = self._fetch(cursor)
        return len(rows) if cursor.description else max(cursor.rowcount, 0)

    def publish(self, kind: str, subject: str, attributes: list[tuple[str, str]]) -> None:
        if self._read_only:
            raise AssertionError("a GET publishes no events; the host answers 500")
        (self._pending if self._in_operation else self.events).append((kind, subject, dict(attributes)))

    @contextmanager
    def operation(self, read_only: bool) -> Iterator[None]:
        if self._in_operation:
            yield
            return
        self._control("savepoint task_host_operation")
        self._in_operation, self._read_only, self._failed, self._pending = True, read_only, False, []
        keep = False
        try:
            yield
            keep = not read_only
        finally:
            failed, pending = self._failed, self._pending
            self._in_operation = self._read_only = self._failed = False
            if not keep or failed:
                self._control("rollback to task_host_operation")
            self._control("release task_host_operation")
        if failed:
            raise AssertionError("the operation returned a success after a failed statement; the host answers 500")
        self.events += pending

    def _control(self, statement: str) -> None:
        self._is_own = True
        try:
            self._connection.execute(statement)
        finally:
            self._is_own = False

    def _run(self, statement: str, params: list[platform.Value]) -> sqlite3.Cursor:
        if self._failed:
            raise self._refused("an earlier statement failed, so the transaction cannot continue")
        numbers = {int(number) for number in re.findall(r"\$(\d+)", statement)}
        if numbers and max(numbers) > len(params):
            raise self._refused(f"the parameter ${max(numbers)} has no value")
        if any(isinstance(param, str) and "\0" in param for param in params):
            raise self._refused("a text must not contain U+0000")
        try:
            return self._connection.execute(statement, {str(at): param for at, param in enumerate(params, 1)})
        except sqlite3.Error as error:
            raise self._failure(error) from None

    def _fetch(self, cursor: sqlite3.Cursor) -> list[tuple[platform.Value, ...]]:
        try:
            return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from None

    def _refused(self, detail: str) -> StatementFailed:
        self._failed = self._in_operation
        return StatementFailed("other", None, detail)

    def _failure(self, error: sqlite3.Error) -> StatementFailed:
        self._failed = self._in_operation
        detail = str(error)
        cause = _CAUSES.get(getattr(error, "sqlite_errorcode", 0), "other")
        if cause == "other" and self._read_only and "not authorized" in detail:
            detail = "a GET only reads; use another method for a statement that writes"
        _, found, name = detail.partition(" constraint failed: ")
        constraint = name.removeprefix("index ").strip("'") if found and cause != "other" else None
        return StatementFailed(cause, constraint, detail)

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        """Refuses what the host does not let logic do, and the tables and functions that it hides."""
        is_hidden = (first or "").lower().startswith(("sqlite_", "task_host_", "pragma_"))
        allowed = (
            action in _READS
            or (action == sqlite3.SQLITE_SAVEPOINT and self._is_own)
            or (action == sqlite3.SQLITE_READ and not is_hidden)
            or (action in _WRITES and not is_hidden and not self._read_only)
            or (action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _HIDDEN_FUNCTIONS)
        )
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _statements(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", None)) == "sql"
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.lineno, node.args[0].value
