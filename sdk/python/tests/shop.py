"""Things to sell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Annotated

from task_host import ABSENT, U32, Absent, Check, Cursor, Page, Problem, Service, event, now, sql

service = Service("Corner shop", migrations="shop_migrations")


class State(Enum):
    """Whether an item can be bought."""

    ON_SALE = "on_sale"
    """It can."""
    SOLD = "sold"


@dataclass
class Item:
    """Something to buy."""

    id: int
    name: str
    """In the shop's own words."""
    price: float
    state: State
    sold_at: datetime | None


@dataclass
class Draft:
    name: Annotated[str, Check(min_length=1, max_length=40)]
    price: Annotated[float, Check(minimum=0)]
    state: State = State.ON_SALE
    tags: list[Annotated[str, Check(pattern="^[a-z]+$")]] = field(default_factory=list)
    sizes: dict[str, U32] = field(default_factory=dict)


@dataclass
class Change:
    name: Annotated[str | None | Absent, Check(max_length=40)] = ABSENT


@dataclass
class Card:
    number: Annotated[str, Check(min_length=4)]
    expires: datetime | None = None


@dataclass
class Cash:
    """Coins and notes."""


Payment = Card | Cash
"""How something is paid."""


@dataclass
class Bill:
    payment: Payment
    rest: Payment | None = None


@service.post("/items", location="/items/{id}")
def create(draft: Draft) -> Item:
    """Adds an item."""
    item = (
        sql(
            "insert into items (name, price, state) values ({d.name}, {d.price}, {d.state}) "
            "returning id, name, price, state, sold_at",
            d=draft,
        )
        .on_unique(409, "known", "The shop has this item")
        .on_check(422, "too-cheap", "The price is too low")
        .one(Item)
    )
    event("item.created", item.id, name=item.name)
    return item


@service.get("/items")
def list_(page: Cursor, state: State = State.ON_SALE, since: datetime | None = None) -> Page[Item]:
    """Lists items."""
    rows = sql(
        "select id, name, price, state, sold_at from items where id > {after} and state = {state} "
        "order by id limit {count}",
        after=page.after_id,
        state=state,
        count=page.limit + 1,
    )
    return Page.of(rows.all(Item), page, lambda item: item.id)


@service.get("/items/{id}")
def get(id: int) -> Item:
    return (
        sql("select id, name, price, state, sold_at from items where id = {id}", id=id)
        .on_missing(404, "no-such-item", "There is no such item")
        .one(Item)
    )


@service.patch("/items/{id}")
def rename(id: int, change: Change) -> None:
    if change.name is None:
        raise Problem(422, "name-needed", "An item has a name")
    if change.name is not ABSENT:
        sql("update items set name = {name} where id = {id}", name=change.name, id=id).execute()


@service.post("/items/{id}/sale")
def sell(id: int, at: Annotated[datetime | None, Check()] = None) -> Item:
    item = get(id)
    if item.state is State.SOLD:
        raise Problem(409, "sold", "The item is sold", f"It was sold at {item.sold_at}.")
    time = at or now()
    sql("update items set state = {state}, sold_at = {time} where id = {id}", state=State.SOLD, time=time, id=id).execute()
    event("item.sold", id)
    return get(id)


@service.post("/items/{id}/payments", status=200)
def pay(id: int, bill: Bill) -> list[Payment]:
    return [bill.payment, bill.rest or Cash()]


@service.get("/careless")
def careless() -> None:
    sql("delete from items").execute()


@service.post("/stubborn")
def stubborn() -> None:
    try:
        sql("insert into items (name, price, state) values (null, 1, 'sold')").execute()
    except Exception:
        pass
