"""The WIT, the routes and the constraints follow from the code."""

import json
from collections import namedtuple
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

import shop
from task_host import Cursor, Page, Service, files, wit
from task_host.build import custom_section
from task_host.names import camel, kebab, snake
from task_host.types import Types

WIT = """\
package %corner-shop:api;

/// Things to sell.
interface %corner-shop {
    use task-host:platform/types@1.0.0.{problem};
    use wasi:clocks/wall-clock@0.2.0.{datetime};

    /// Whether an item can be bought.
    enum %state {
        /// It can.
        %on-sale,
        %sold,
    }
    record %draft {
        %name: string,
        %price: f64,
        %state: option<%state>,
        %tags: option<list<string>>,
        %sizes: option<list<tuple<string, u32>>>,
    }
    /// Something to buy.
    record %item {
        %id: s64,
        /// In the shop's own words.
        %name: string,
        %price: f64,
        %state: %state,
        %sold-at: option<datetime>,
    }
    record %change {
        %name: option<option<string>>,
    }
    record %card {
        %number: string,
        %expires: option<datetime>,
    }
    /// How something is paid.
    variant %payment {
        %card(%card),
        %cash,
    }
    record %bill {
        %payment: %payment,
        %rest: option<%payment>,
    }
    record %item-page { items: list<%item>, next: option<string> }
    /// Adds an item.
    %create: func(%draft: %draft) -> result<%item, problem>;
    /// Lists items.
    %list: func(%cursor: option<string>, %limit: option<u32>, %state: option<%state>, %since: option<datetime>) \
-> result<%item-page, problem>;
    %get: func(%id: s64) -> result<%item, problem>;
"""


def test_the_wit_has_the_types_functions_and_comments_of_the_module():
    text = wit.text(shop.service)
    assert text.startswith(WIT), text


def test_the_documentation_is_a_section_of_the_component():
    name, content = wit.docs_section(shop.service)
    assert (name, content[0]) == ("package-docs:corner-shop:api", 1)
    docs = json.loads(content[1:])["interfaces"]["corner-shop"]
    assert docs["types"]["item"] == {"docs": "Something to buy.", "items": {"name": "In the shop's own words."}}
    assert docs["types"]["draft"]["docs"] == ""
    assert docs["types"]["payment"] == {"docs": "How something is paid.", "items": {}}
    assert docs["funcs"]["create"]["docs"] == "Adds an item."
    assert custom_section("ab", b"x" * 200) == b"\0\xcb\x01\x02ab" + b"x" * 200


def test_routes_have_the_status_that_fits_the_result():
    routes = {route["operation"].partition("#")[2]: route for route in shop.service.routes()}
    assert (routes["create"]["success"], routes["create"]["location"]) == (201, "/items/{id}")
    assert (routes["get"]["success"], routes["get"]["access"]) == (200, "read")
    assert (routes["rename"]["success"], routes["rename"]["access"]) == (204, "write")
    assert (routes["list"]["body"], routes["list"]["next"]) == ("items", "next")


def test_constraints_name_their_places():
    places = {constraint.pop("place"): constraint for constraint in shop.service.constraints()}
    prefix = "corner-shop:api/corner-shop#"
    assert places == {
        f"{prefix}draft.name": {"min_length": 1, "max_length": 40},
        f"{prefix}draft.price": {"minimum": 0},
        f"{prefix}draft.tags[]": {"pattern": "^[a-z]+$"},
        f"{prefix}change.name": {"max_length": 40},
        f"{prefix}card.number": {"min_length": 4},
    }


def test_names_are_kebab_case_in_wit():
    for python, name in [("due_at", "due-at"), ("DueAt", "due-at"), ("DUE_AT", "due-at"), ("type_", "type"), ("x86", "x86")]:
        assert kebab(python) == name
    for wrong in ("q_1", "größe", "_x", "a__b"):
        with pytest.raises(TypeError, match="must begin with a letter"):
            kebab(wrong)
    assert (snake("due-at"), snake("import"), camel("due-at")) == ("due_at", "import_", "DueAt")


class Colour(Enum):
    LIGHT_BLUE = "light-blue"


@dataclass
class Link:
    id: int


@dataclass
class Problem:
    id: int


@dataclass
class Chain:
    next: "Chain | None"


def a() -> object: ...
def b(x) -> None: ...
def c(*x: int) -> None: ...
def d(): ...
def e(x: int | str) -> None: ...
def f() -> list[Page[int]]: ...
def g() -> Colour: ...
def h() -> Chain: ...
def i(x: dict[int, int]) -> None: ...
def chain() -> shop.Card | shop.Cash: ...
def link(x: Link) -> None: ...
def j(x: Problem) -> None: ...


@pytest.mark.parametrize(
    ("function", "path", "reason"),
    [
        (a, "/", "the result of a: the API has no type such as object"),
        (b, "/", "b, x: state its type"),
        (c, "/", "c, x: an operation names each of its parameters"),
        (d, "/", "d: state what it returns"),
        (e, "/", "e, x: a union of the API consists of dataclasses"),
        (f, "/", "a page is a result of its own"),
        (g, "/", "the API calls it 'light_blue'"),
        (h, "/", "Chain contains itself"),
        (i, "/", "the keys of an object are texts"),
        (j, "/", "the platform has a type of the name problem"),
        (link, "/", "the operation link has the name of a type"),
        (shop.get, "x", "the path x must begin with /"),
        (shop.get, "/{key}", "the path names {key}, but the function has no parameter key"),
    ],
)
def test_a_mistake_is_named_with_what_to_write(function, path, reason):
    service = Service("Test")
    service.get(path)(function)
    with pytest.raises(TypeError) as mistake:
        service.api
    assert reason in str(mistake.value)
    code = function.__code__ if function is not shop.get else function.__wrapped__.__code__
    assert f"{Path(code.co_filename).name}:{code.co_firstlineno}: " in str(mistake.value)


def test_a_union_has_the_name_of_its_variable_or_of_its_cases():
    service = Service("Test")
    service.get("/")(chain)
    assert "variant %payment {\n        %card(%card),\n        %cash,\n    }" in wit.text(service)
    assert "%chain: func() -> result<%payment, problem>;" in wit.text(service)

    def mixed() -> shop.Cash | Link: ...

    service.get("/mixed")(mixed)
    assert "variant %cash-or-link {\n        %cash,\n        %link(%link),\n    }" in wit.text(service)


class Bindings:
    """What a component has as the classes of the interface."""

    Card = namedtuple("Card", ["number", "expires"])
    Payment_Card = namedtuple("Payment_Card", ["value"])
    Payment_Cash = namedtuple("Payment_Cash", [])


def test_a_value_of_a_union_is_tagged_with_its_case():
    types = Types()
    shape = types.shape(shop.Payment | None, "payment")
    types.bindings = Bindings
    for value, bound in [
        (shop.Card("1234"), Bindings.Payment_Card(Bindings.Card("1234", None))),
        (shop.Cash(), Bindings.Payment_Cash()),
        (None, None),
    ]:
        assert shape.lower(value) == bound
        assert type(shape.lower(value)) is type(bound)
        assert shape.lift(bound) == value
    with pytest.raises(TypeError, match="payment: expected one of Card, Cash, and got a str"):
        shape.lower("1234")


def test_a_service_has_another_name_than_the_platforms_interfaces():
    for name in ("Service", "Log"):
        with pytest.raises(TypeError, match="cannot be called"):
            Service(name)


def test_a_service_has_operations_of_different_names():
    service = Service("Test")
    with pytest.raises(TypeError, match="has no operation"):
        service.api
    service.get("/a")(shop.get)
    assert [operation.name for operation in service.api.operations] == ["get"]
    service.get("/b")(shop.get)
    with pytest.raises(TypeError, match="two operations have the name get"):
        service.api


def folder_with(folder, *names):
    folder.mkdir()
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def test_migrations_are_in_the_order_of_their_numbers(tmp_path):
    names = ["0002-b.sqlite.sql", "0001-a.sql", "0002-b.postgres.sql", "0003-c.sqlite.sql", "README.md"]
    steps = files.migrations(folder_with(tmp_path / "m", *names))
    assert [(step.name, step.sqlite, step.postgres) for step in steps] == [
        ("0001-a", "0001-a.sql", "0001-a.sql"),
        ("0002-b", "0002-b.sqlite.sql", "0002-b.postgres.sql"),
        ("0003-c", "0003-c.sqlite.sql", ""),
    ]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["1-a.sql"], "four digits"),
        (["0001-a.mysql.sql"], "unknown engine mysql"),
        (["0001-a.sql", "0001-b.sql"], "the same number"),
        (["0001-a.sql", "0001-a.sqlite.sql"], "for both engines, and another file"),
        (["0001-a.postgres.sql"], "no file 0001-a.sqlite.sql"),
    ],
)
def test_a_migration_with_a_wrong_name_is_refused(tmp_path, names, reason):
    with pytest.raises(ValueError, match=reason):
        files.migrations(folder_with(tmp_path / "m", *names))


def test_assets_are_served_at_their_paths(tmp_path):
    web = folder_with(tmp_path / "web", "index.html", "app.js", "help/index.html", ".hidden", "notes.md")
    assert [(asset.path, asset.media_type.partition(";")[0]) for asset in files.assets(web)] == [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/help/", "text/html"),
    ]
    (web / "x.unknown").write_text("")
    with pytest.raises(ValueError, match="media type"):
        files.assets(web)
    with pytest.raises(ValueError, match="there is no folder"):
        files.assets(tmp_path / "absent")


def test_a_cursor_is_two_parameters():
    service = Service("Test")

    def pages(page: Cursor) -> Page[int]: ...

    service.get("/")(pages)
    assert "%pages: func(%cursor: option<string>, %limit: option<u32>)" in wit.text(service)
