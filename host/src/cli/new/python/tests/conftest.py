import pytest

from app import service
from task_host.testing import Database


@pytest.fixture(autouse=True)
def database():
    """Each test has an empty database of its own, with the migrations."""
    with Database(service) as database:
        yield database
