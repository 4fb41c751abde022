import pytest

import shop
from task_host.testing import Database


@pytest.fixture
def database():
    with Database(shop.service) as database:
        yield database
