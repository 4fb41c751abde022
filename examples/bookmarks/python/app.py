"""The bookmarks service in Python."""

import sys
import time
import uuid

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.bookmarks import Bookmark, Draft
from wit_world.exports.service import Access, Description, Method, Migration, Route
from wit_world.imports import sql
from wit_world.imports.sql import Value_Integer, Value_Text
from wit_world.imports.types import Problem

TABLE = "CREATE TABLE bookmarks (id {}, url text NOT NULL)"


class Bookmarks(exports.Bookmarks):
    def create(self, draft):
        statement = "INSERT INTO bookmarks (url) VALUES ($1) RETURNING id, url"
        return first(query(statement, Value_Text(draft.url)))

    def list(self):
        return query("SELECT id, url FROM bookmarks ORDER BY id")

    def get(self, id):
        statement = "SELECT id, url FROM bookmarks WHERE id = $1"
        return first(query(statement, Value_Integer(id)))

    def delete(self, id):
        if sql.execute("DELETE FROM bookmarks WHERE id = $1", [Value_Integer(id)]) == 0:
            raise not_found()

    def uuid(self):
        return str(uuid.uuid4())

    def clock(self):
        return int(time.time())

    def print(self, text):
        print(text)
        print(text, file=sys.stderr)

    def panic(self, message):
        raise RuntimeError(message)


class Service(exports.Service):
    def describe(self):
        def route(method, path, function, access=Access.READ, success=200, location=None):
            operation = f"bookmarks:api/bookmarks#{function}"
            return Route(method, path, operation, access, success, location, None, None, None)

        routes = [
            route(Method.POST, "/bookmarks", "create", Access.WRITE, 201, "/bookmarks/{id}"),
            route(Method.GET, "/bookmarks", "list"),
            route(Method.GET, "/bookmarks/{id}", "get"),
            route(Method.DELETE, "/bookmarks/{id}", "delete", Access.WRITE, 204),
            route(Method.GET, "/uuid", "uuid"),
            route(Method.GET, "/clock", "clock"),
            route(Method.GET, "/print", "print", success=204),
            route(Method.GET, "/panic", "panic", success=204),
        ]
        migration = Migration(
            "0001-bookmarks",
            TABLE.format("integer PRIMARY KEY AUTOINCREMENT"),
            TABLE.format("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        )
        return Description("Bookmarks", "0.1.0", routes, [migration], constraints=[])

    def assets(self):
        return []

    def check(self):
        saved = Bookmarks().create(Draft("https://example.com/"))
        if Bookmarks().get(saved.id) != saved:
            raise Err(f"{saved} was saved as something else")

    def health(self):
        urls = [bookmark.url for bookmark in Bookmarks().list()]
        return [("schemes", len({url.partition(":")[0] for url in urls}))]


def query(statement, *parameters):
    rows = sql.query(statement, list(parameters))

    def text(cell):
        span = cell.value
        return rows.heap[span.start : span.start + span.len].decode()

    pairs = zip(rows.cells[::2], rows.cells[1::2])
    return [Bookmark(id.value, text(url)) for id, url in pairs]


def first(bookmarks):
    if not bookmarks:
        raise not_found()
    return bookmarks[0]


def not_found():
    return Err(Problem(404, "bookmark-not-found", "No such bookmark", None, [], []))
