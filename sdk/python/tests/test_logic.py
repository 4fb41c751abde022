"""Logic runs on the build machine as on the host."""

from datetime import UTC, datetime

import pytest

import shop
from shop import Draft, State
from task_host import Cursor, NoRow, Problem, RowMismatch, StatementFailed, sql
from task_host.testing import Database


def problem(function, *args):
    with pytest.raises(Problem) as caught:
        function(*args)
    return caught.value


def test_rows_are_dataclasses_with_enums_and_times(database):
    database.set_now(datetime(2026, 3, 1, 12, 30, 0, 250, tzinfo=UTC))
    item = shop.create(Draft("Ladder", 20))
    assert item == shop.Item(1, "Ladder", 20.0, State.ON_SALE, None)
    sold = shop.sell(item.id)
    assert (sold.state, sold.sold_at) == (State.SOLD, datetime(2026, 3, 1, 12, 30, 0, 250, tzinfo=UTC))
    assert sql("select state, count(*) from items").one(tuple[str, int]) == ("sold", 1)
    assert sql("select price > 19 from items").one(bool) is True


def test_a_broken_rule_that_is_expected_is_a_problem(database):
    shop.create(Draft("Ladder", 20))
    assert problem(shop.create, Draft("Ladder", 1)).code == "known"
    assert problem(shop.create, Draft("Rope", -1)).status == 422
    assert problem(shop.get, 7).code == "no-such-item"


def test_what_is_not_expected_names_the_statement(database):
    with pytest.raises(StatementFailed, match="no such table: nowhere in the statement: select 1 from nowhere") as failed:
        sql("select 1 from nowhere").all(int)
    assert failed.value.cause == "other"
    with pytest.raises(NoRow, match="no row from the statement: select 1 where false"):
        sql("select 1 where false").one(int)
    assert sql("select 1 where false").optional(int) is None
    with pytest.raises(StatementFailed) as failed:
        sql("insert into items (name, price, state) values (null, 1, 'sold')").execute()
    assert (failed.value.cause, failed.value.constraint) == ("not-null", "items.name")


def test_a_failed_operation_leaves_nothing_and_publishes_nothing(database):
    shop.create(Draft("Ladder", 20))
    problem(shop.create, Draft("Ladder", 20))
    assert sql("select count(*) from items").one(int) == 1
    assert database.events == [("item.created", "1", {"name": "Ladder"})]


def test_a_get_cannot_write(database):
    with pytest.raises(StatementFailed, match="a GET only reads"):
        shop.careless()


def test_a_success_after_a_failed_statement_is_reported(database):
    with pytest.raises(AssertionError, match="the host answers 500"):
        shop.stubborn()


def test_what_the_host_does_not_allow_fails_here_too(database):
    for statement in (
        "begin",
        "pragma table_info(items)",
        "select * from sqlite_schema",
        "select last_insert_rowid()",
        "create table more (id integer)",
        "attach ':memory:' as more",
    ):
        with pytest.raises(StatementFailed):
            sql(statement).execute()


def test_each_database_is_new():
    for _ in range(2):
        with Database(shop.service):
            assert shop.create(Draft("Ladder", 20)).id == 1


def test_logic_without_a_database_says_how_to_get_one():
    with pytest.raises(RuntimeError, match="task_host.testing.Database"):
        shop.get(1)


def test_a_long_list_has_pages(database):
    for number in range(5):
        shop.create(Draft(f"Item {number}", number))
    first = shop.list_(Cursor(limit=3))
    assert ([item.id for item in first.items], first.next) == ([1, 2, 3], "3")
    rest = shop.list_(Cursor(first.next, 3))
    assert ([item.id for item in rest.items], rest.next) == ([4, 5], None)
    assert shop.list_(Cursor(), State.SOLD).items == []
    for cursor, pointer in ((lambda: Cursor(limit=0), "#/query/limit"), (lambda: Cursor("x").after_id, "#/query/cursor")):
        [error] = problem(cursor).errors
        assert error.pointer == pointer


def test_parameters_are_never_part_of_the_text():
    statement = sql("select {a.name}, '{b}', \"{c}\", {d} -- {e}\nwhere {a.name} = 'it''s {f}'", a=Draft("x'", 1), d=2)
    assert statement.text == "select $1, '{b}', \"{c}\", $2 -- {e}\nwhere $1 = 'it''s {f}'"
    assert statement.params == ["x'", 2]


@pytest.mark.parametrize(
    ("text", "values", "reason"),
    [
        ("select {a}", {}, "no value for {a}"),
        ("select 1", {"a": 1}, "no {a} in the text"),
        ("select {a + 1}", {"a": 1}, "{a + 1} is not a name"),
        ("select 'a", {}, "' has no counterpart"),
        ("select {a", {"a": 1}, "{ has no counterpart"),
        ("select {a}", {"a": [1]}, "pass a list as one parameter of JSON"),
        ("select {a}", {"a": 2**63}, "which no column can hold"),
        ("select {a}", {"a": datetime(2026, 1, 1)}, "has no time zone"),
    ],
)
def test_a_wrong_statement_says_what_is_wrong(text, values, reason):
    with pytest.raises(TypeError) as wrong:
        sql(text, **values)
    assert reason in str(wrong.value)


@pytest.mark.parametrize(
    ("statement", "into", "reason"),
    [
        ("select null", int, "column 1: the column is null; make it `| None`"),
        ("select 'x'", int, "column 1: the column is str, and not int"),
        ("select 2", bool, "and not bool"),
        ("select 'lost'", State, "and not State"),
        ("select 1", tuple[int, int], "a row has 1 columns, and 2 are read"),
        ("select name, id, price, state, sold_at from items", shop.Item, "make them the same, in the same order"),
    ],
)
def test_a_row_that_does_not_fit_names_the_field(database, statement, into, reason):
    shop.create(Draft("Ladder", 20))
    with pytest.raises(RowMismatch) as mismatch:
        sql(statement).all(into)
    assert reason in str(mismatch.value)
    with pytest.raises(TypeError, match="cannot be read as"):
        sql("select 1").one(list)


def test_every_statement_of_the_service_is_compiled(database, monkeypatch, tmp_path):
    database.check_statements()
    wrong = tmp_path / "wrong.py"
    wrong.write_text('from task_host import sql\n\n\ndef never_called():\n    sql("select colour from items")\n')
    monkeypatch.setattr("task_host.modules.own", lambda module: {"wrong": wrong})
    with pytest.raises(AssertionError, match="wrong.py:5: no such column: colour"):
        database.check_statements()
