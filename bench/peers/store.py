"""Shared by both peers: reads the component's tables with the same statements as the component.

Each thread has its own connection. SQLite has the same settings as in the host. On PostgreSQL, psycopg
prepares repeated statements automatically.
"""

import os
import sqlite3
import threading
from datetime import datetime, timezone

STATUSES = ("pending", "in_progress", "completed", "blocked", "cancelled")
PRIORITIES = ("low", "medium", "high", "critical")
CATEGORIES = ("development", "testing", "documentation", "deployment", "bugfix", "feature")

COLUMNS = (
    "id, title, description, status, priority, category, assignee, estimated_hours, "
    "actual_hours, tags, dependencies, due_at, created_at, updated_at, completed_at, checksum"
)
ONE = f"select {COLUMNS} from tasks where id = ?"

_threads = threading.local()


def connection():
    """Returns this thread's connection."""
    if not hasattr(_threads, "connection"):
        database = os.environ["PEER_DATABASE"]
        postgres = database.startswith("postgres:")
        _threads.connection = on_postgres(database) if postgres else on_sqlite(database)
    return _threads.connection


def on_sqlite(path):
    opened = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    opened.execute("pragma journal_mode = wal")
    opened.execute("pragma synchronous = normal")
    opened.execute("pragma cache_size = -16384")
    opened.execute("pragma mmap_size = 268435456")
    return opened


def on_postgres(url):
    import psycopg

    return psycopg.connect(url, autocommit=True)


def run(statement, values):
    """Runs a statement and returns its rows."""
    opened = connection()
    if not isinstance(opened, sqlite3.Connection):
        statement = statement.replace("?", "%s")
    return opened.execute(statement, values)


def one(task_id):
    """Returns the task with this id, or None."""
    row = run(ONE, (task_id,)).fetchone()
    return None if row is None else task(row)


def page(limit, offset, status=None, assignee=None):
    """Returns a page of tasks, the newest first."""
    filters, values = [], []
    if status is not None:
        filters.append("status = ?")
        values.append(STATUSES.index(status))
    if assignee is not None:
        filters.append("assignee = ?")
        values.append(assignee)
    where = "where " + " and ".join(filters) if filters else ""
    statement = (
        f"select {COLUMNS} from tasks {where} order by created_at desc, id desc limit ? offset ?"
    )
    return [task(row) for row in run(statement, (*values, limit, offset))]


def task(row):
    """Converts a row to the task that the API returns."""
    (number, title, description, status, priority, category, assignee, estimated, actual,
     tags, dependencies, due, created, updated, completed, checksum) = row
    return {
        "id": number,
        "title": title,
        "description": description,
        "status": STATUSES[status],
        "priority": PRIORITIES[priority],
        "category": CATEGORIES[category],
        "assignee": assignee,
        "estimated_hours": estimated,
        "actual_hours": actual,
        "tags": labels(tags),
        "dependencies": [int(part) for part in dependencies.split()],
        "due_at": moment(due),
        "created_at": moment(created),
        "updated_at": moment(updated or None),
        "completed_at": moment(completed),
        "checksum": checksum,
    }


def labels(text):
    """Parses labels stored as `3:api,2:db,`, where each number is a length in bytes."""
    if text.isascii():
        found, at = [], 0
        while at < len(text):
            colon = text.index(":", at)
            end = colon + 1 + int(text[at:colon])
            found.append(text[colon + 1:end])
            at = end + 1
        return found
    found, raw, at = [], text.encode(), 0
    while at < len(raw):
        colon = raw.index(b":", at)
        end = colon + 1 + int(raw[at:colon])
        found.append(raw[colon + 1:end].decode())
        at = end + 1
    return found


def moment(micros):
    """Formats microseconds since 1970 as RFC 3339 in UTC, with 0, 3 or 6 digits for the fraction."""
    if micros is None:
        return None
    text = datetime.fromtimestamp(micros // 1_000_000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = micros % 1_000_000
    if fraction == 0:
        return text + "Z"
    if fraction % 1000 == 0:
        return f"{text}.{fraction // 1000:03}Z"
    return f"{text}.{fraction:06}Z"
