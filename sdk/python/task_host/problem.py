"""Problems: the answers to requests that fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One error in a request, and its location: `#/title` in the body, `#/query/limit` or `#/path/id`."""

    pointer: str
    detail: str


class Problem(Exception):
    """An error that the client receives as it is. The host rolls the request's transaction back.

    `status` is the HTTP status (400 to 599), `code` a stable identifier in kebab-case, and `title` always the same
    for one code. `detail` says what happened this time. Members of `extensions` are added to the body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str | None = None,
        *,
        errors: list[FieldError] | None = None,
        extensions: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = list(errors or ())
        self.extensions = dict(extensions or {})

    def __str__(self) -> str:
        text = f"{self.status} {self.code}: {self.title}"
        return text if self.detail is None else f"{text}: {self.detail}"
