"""An open service without a server, on the conftest's ``database``: ``pytest_plugins = ["tests.support.fleet_fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tinymlaas.service.instance import Instance, open_instance
from tinymlaas.service.settings import Settings


@pytest.fixture
def here(database: str, tmp_path: Path) -> Iterator[Instance]:
    """An open service without a server."""
    opened = open_instance(Settings(database=database, store=str(tmp_path / "store")))
    yield opened
    opened.stop()
    opened.engine.dispose()
