"""An open service on both kinds of database: ``pytest_plugins = ["tests.support.fleet_fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgres
from tinymlaas.service.instance import Instance, open_instance
from tinymlaas.service.settings import Settings


@pytest.fixture(scope="session")
def fleet_postgres() -> Iterator[str]:
    """One server for the session."""
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def fleet_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    return postgres.new_database(request.getfixturevalue("fleet_postgres"))


@pytest.fixture
def here(fleet_database: str, tmp_path: Path) -> Iterator[Instance]:
    """An open service without a server."""
    opened = open_instance(Settings(database=fleet_database, store=str(tmp_path / "store")))
    yield opened
    opened.stop()
    opened.engine.dispose()
