"""Names in Python and in WIT."""

import keyword
import re

_WORD = re.compile(r"[a-z][a-z0-9]*")


def kebab(name: str) -> str:
    """Returns a name of Python in kebab-case: `due_at`, `DueAt` and `DUE_AT` are `due-at`.

    A name that is a keyword in Python ends with `_`, which is no part of the name in the API.
    """
    text = name[:-1] if name.endswith("_") else name
    if not text.isupper():
        text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    words = text.lower().split("_")
    if not all(_WORD.fullmatch(word) for word in words):
        raise TypeError(f"{name!r} cannot be a name of the API: each of its words must begin with a letter of ASCII")
    return "-".join(words)


def snake(name: str) -> str:
    """Returns the identifier that the bindings use for a name in WIT."""
    text = name.replace("-", "_")
    return f"{text}_" if keyword.iskeyword(text) else text


def camel(name: str) -> str:
    """Returns the class that the bindings use for a type in WIT."""
    text = "".join(word.capitalize() for word in name.split("-"))
    return f"{text}_" if keyword.iskeyword(text) else text
