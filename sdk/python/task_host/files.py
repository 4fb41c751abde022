"""Folders that become part of the component: migrations and assets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: The media types of files that browsers load, by extension.
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "webmanifest": "application/manifest+json",
    "txt": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xml": "application/xml",
    "pdf": "application/pdf",
    "wasm": "application/wasm",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
    "webm": "video/webm",
}

_NAME = re.compile(r"(?P<step>\d{4}-[^.]+)(\.(?P<engine>[^.]+))?\.sql")


@dataclass(frozen=True)
class Migration:
    """One step of the schema: its texts for SQLite and for PostgreSQL, which is empty if it has none."""

    name: str
    sqlite: str
    postgres: str


@dataclass(frozen=True)
class Asset:
    """A file of the web UI."""

    path: str
    media_type: str
    content: bytes


#: The content of both folders, where the component has no files: see `reload`.
given: tuple[list[Migration], list[Asset]] | None = None


def migrations(folder: Path) -> list[Migration]:
    """Reads the steps of a folder: `0001-bookmarks.sql` is for both engines, `0001-bookmarks.sqlite.sql` and
    `0001-bookmarks.postgres.sql` for one."""
    if given is not None:
        return given[0]
    steps: dict[str, dict[str | None, str]] = {}
    for path in _entries(folder):
        if not path.name.endswith(".sql"):
            continue
        name = _NAME.fullmatch(path.name)
        if name is None:
            raise ValueError(
                f"the migration {path.name} needs a name such as 0001-bookmarks.sql: four digits, a hyphen, and what "
                "it does"
            )
        if name["engine"] not in (None, "sqlite", "postgres"):
            raise ValueError(
                f"the migration {path.name} is for the unknown engine {name['engine']}; use .sqlite.sql or .postgres.sql"
            )
        steps.setdefault(name["step"], {})[name["engine"]] = path.read_text(encoding="utf-8")
    found: list[Migration] = []
    for step, texts in sorted(steps.items()):
        if found and found[-1].name[:4] == step[:4]:
            raise ValueError(f"two migrations have the same number: {found[-1].name} and {step}")
        if None in texts:
            if len(texts) > 1:
                raise ValueError(f"the migration {step} has {step}.sql for both engines, and another file for one engine")
            found.append(Migration(step, texts[None], texts[None]))
        elif "sqlite" not in texts:
            raise ValueError(f"the migration {step} has no file {step}.sqlite.sql")
        else:
            found.append(Migration(step, texts["sqlite"], texts.get("postgres", "")))
    return found


def assets(folder: Path) -> list[Asset]:
    """Reads the files of a folder and of the folders in it. `index.html` is served as the folder's path. Files without
    an extension, and Markdown, are left out."""
    if given is not None:
        return given[1]
    return sorted(_walk(folder, ""), key=lambda asset: asset.path)


def _walk(folder: Path, prefix: str) -> list[Asset]:
    found = []
    for path in _entries(folder):
        served = f"{prefix}/{path.name}"
        extension = path.suffix[1:]
        if path.is_dir():
            found += _walk(path, served)
        elif extension and extension != "md":
            if extension not in MEDIA_TYPES:
                raise ValueError(f"{path} has an extension without a known media type; rename it")
            if path.name == "index.html":
                served = f"{prefix}/"
            found.append(Asset(served, MEDIA_TYPES[extension], path.read_bytes()))
    return found


def _entries(folder: Path) -> list[Path]:
    """Returns what is in a folder, sorted. Hidden entries are left out."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
