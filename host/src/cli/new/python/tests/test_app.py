import pytest

from app import Draft, create, delete, get, list_
from task_host import Problem


def test_a_text_is_noted_once():
    note = create(Draft("Buy milk"))
    assert get(note.id) == note
    with pytest.raises(Problem) as problem:
        create(Draft("Buy milk"))
    assert problem.value.code == "already-noted"
    assert list_("milk") == [note]


def test_a_deleted_note_is_missing():
    note = create(Draft("Buy milk"))
    delete(note.id)
    with pytest.raises(Problem) as problem:
        get(note.id)
    assert problem.value.status == 404


def test_every_statement_fits_the_schema(database):
    database.check_statements()
