"""Short texts worth keeping."""

from dataclasses import dataclass
from typing import Annotated

from task_host import Check, Service, sql

service = Service("__NAME__", migrations="migrations", assets="web")


@dataclass
class Note:
    """A note."""

    id: int
    text: str


@dataclass
class Draft:
    """A new note."""

    text: Annotated[str, Check(max_length=1000, pattern=r"\S", message="has from 1 to 1000 characters")]
    """From 1 to 1000 characters. Every note has another text."""


@service.post("/notes", location="/notes/{id}")
def create(draft: Draft) -> Note:
    """Adds a note."""
    return (
        sql("INSERT INTO notes (text) VALUES ({draft.text}) RETURNING id, text", draft=draft)
        .on_unique(409, "already-noted", "There is a note with this text")
        .one(Note)
    )


@service.get("/notes")
def list_(q: str = "", after: int = 0) -> list[Note]:
    """Returns the first 100 notes after the id `after` whose text contains `q`."""
    return sql(
        "SELECT id, text FROM notes WHERE id > {after} AND text LIKE '%' || {q} || '%' ORDER BY id LIMIT 100",
        after=after,
        q=q,
    ).all(Note)


@service.get("/notes/{id}")
def get(id: int) -> Note:
    """Returns a note."""
    return (
        sql("SELECT id, text FROM notes WHERE id = {id}", id=id)
        .on_missing(404, "no-such-note", "There is no such note")
        .one(Note)
    )


@service.delete("/notes/{id}")
def delete(id: int) -> None:
    """Deletes a note."""
    get(id)
    sql("DELETE FROM notes WHERE id = {id}", id=id).execute()


@service.check
def self_test() -> None:
    """Runs before this version serves, and is rolled back. If it fails, no client sees this version."""
    note = create(Draft("self-test"))
    get(note.id)
    delete(note.id)


@service.health
def figures() -> dict[str, int]:
    """Figures for `GET /health`."""
    return {"total_notes": sql("SELECT count(*) FROM notes").one(int)}
