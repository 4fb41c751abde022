"""Writes the logic of a task-host service in Python: plain functions and dataclasses.

The WIT, the routes, the JSON and the documentation follow from them. README.md beside this package shows how.
"""

from .checks import Check
from .page import Cursor, Page
from .platform import dialect, event, now
from .problem import FieldError, Problem
from .service import Service
from .sql import NoRow, RowMismatch, Statement, StatementFailed, sql
from .types import ABSENT, F32, S8, S16, S32, U8, U16, U32, U64, Absent

__all__ = [
    "ABSENT",
    "Absent",
    "Check",
    "Cursor",
    "F32",
    "FieldError",
    "NoRow",
    "Page",
    "Problem",
    "RowMismatch",
    "S16",
    "S32",
    "S8",
    "Service",
    "Statement",
    "StatementFailed",
    "U16",
    "U32",
    "U64",
    "U8",
    "dialect",
    "event",
    "now",
    "sql",
]
