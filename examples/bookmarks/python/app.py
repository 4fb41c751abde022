"""Addresses worth keeping, and operations that show what Python does with its standard library: random numbers, time,
output and errors."""

import random as standard_random
import sys
import time
import uuid as standard_uuid
from dataclasses import dataclass
from typing import Annotated

from task_host import Check, Cursor, Page, Service, event, sql

service = Service("Bookmarks", migrations="migrations")


@dataclass
class Bookmark:
    """A saved address."""

    id: int
    """Assigned by the service."""
    url: str
    """The address."""


@dataclass
class Draft:
    """A new bookmark."""

    url: Annotated[str, Check(max_length=2048, format="uri")]
    """The address."""


@service.post("/bookmarks", location="/bookmarks/{id}")
def create(draft: Draft) -> Bookmark:
    """Saves an address."""
    bookmark = (
        sql("insert into bookmarks (url) values ({draft.url}) returning id, url", draft=draft)
        .on_unique(409, "already-saved", "This address is already saved")
        .one(Bookmark)
    )
    event("bookmark.created", bookmark.id)
    return bookmark


@service.get("/bookmarks")
def list_(page: Cursor, q: str = "") -> Page[Bookmark]:
    """Lists addresses that contain a text, oldest first."""
    found = sql(
        """select id, url from bookmarks where id > {after} and url like '%' || {q} || '%'
           order by id limit {count}""",
        after=page.after_id,
        q=q,
        count=page.limit + 1,
    )
    return Page.of(found.all(Bookmark), page, lambda bookmark: bookmark.id)


@service.get("/bookmarks/{id}")
def get(id: int) -> Bookmark:
    """Returns one bookmark."""
    return (
        sql("select id, url from bookmarks where id = {id}", id=id)
        .on_missing(404, "no-such-bookmark", "This bookmark does not exist")
        .one(Bookmark)
    )


@service.delete("/bookmarks/{id}")
def delete(id: int) -> None:
    """Deletes a bookmark."""
    get(id)
    sql("delete from bookmarks where id = {id}", id=id).execute()
    event("bookmark.deleted", id)


@service.check
def self_test() -> None:
    saved = create(Draft("https://example.com/"))
    if get(saved.id) != saved:
        raise ValueError(f"{saved} was saved as something else")


@service.health
def figures() -> dict[str, int]:
    return {"bookmarks": sql("select count(*) from bookmarks").one(int)}


@service.get("/uuid")
def uuid() -> str:
    """Returns a random UUID, made by the standard library."""
    return str(standard_uuid.uuid4())


@service.get("/random")
def random() -> float:
    """Returns a number of the module `random`, whose state is a part of the component."""
    return standard_random.random()


@service.get("/clock")
def clock() -> int:
    """Returns the time of the standard library's clock, in seconds since 1970."""
    return int(time.time())


@service.get("/print", status=204)
def print_(text: str) -> None:
    """Writes a text to standard output, and the same one to standard error."""
    print(text)
    print(text, file=sys.stderr)


@service.get("/panic", status=204)
def panic(message: str) -> None:
    """Fails with an error that nothing handles."""
    raise RuntimeError(message)


@service.get("/defect")
def defect() -> int:
    """Runs a statement that is wrong on purpose, since its text is made at run time."""
    return sql("select no_such_column from bookmarks").one(int)
