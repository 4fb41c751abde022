"""Long lists in pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .problem import FieldError, Problem

#: The number of items on a page if the client states none.
DEFAULT_LIMIT = 100
#: Maximum number of items on a page.
MAX_LIMIT = 1000

T = TypeVar("T")


class Cursor:
    """Where a page of a list begins, and how long it is: the query parameters `cursor` and `limit`.

    A cursor is the position of the last item of the page before, such as its id. Read one item more than the page
    has, and `Page.of` knows whether another page follows:

        rows = sql("select id, url from bookmarks where id > {after} order by id limit {count}",
                   after=page.after_id, count=page.limit + 1).all(Bookmark)
        return Page.of(rows, page, lambda bookmark: bookmark.id)
    """

    def __init__(self, after: str | None = None, limit: int | None = None) -> None:
        if limit is not None and not 1 <= limit <= MAX_LIMIT:
            raise _invalid("#/query/limit", f"The limit must be 1 to {MAX_LIMIT}.")
        #: The position after which the page begins. None for the first page.
        self.after = after
        #: Maximum number of items on the page.
        self.limit = DEFAULT_LIMIT if limit is None else limit

    @property
    def after_id(self) -> int:
        """The id after which the page begins. The lowest integer for the first page."""
        if self.after is None:
            return -(2**63)
        try:
            number = int(self.after)
        except ValueError:
            number = 2**63
        if not -(2**63) <= number < 2**63:
            raise _invalid("#/query/cursor", "This is not the cursor of a page.")
        return number


def _invalid(pointer: str, detail: str) -> Problem:
    return Problem(422, "invalid-page", "The page is not valid", errors=[FieldError(pointer, detail)])


@dataclass
class Page(Generic[T]):
    """One page of a list. The items are the body; the `Link` header has the address of the next page."""

    items: list[T]
    #: The cursor of the next page. None on the last page.
    next: str | None = None

    @classmethod
    def of(cls, items: list[T], cursor: Cursor, position: Callable[[T], object]) -> Page[T]:
        """Makes a page of items of which at least one more than `cursor.limit` was read, if it exists. `position`
        returns the position of an item."""
        page = items[: cursor.limit]
        more = len(items) > len(page)
        return cls(page, str(position(page[-1])) if more else None)
