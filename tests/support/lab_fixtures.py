"""``pytest_plugins = ["tests.support.lab_fixtures"]``: a lab for a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from tests.support.gateway import wired_pico
from tests.support.lab import Lab
from tests.support.service import served
from tinymlaas.cli.app import app


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with served(folder / "data", "--poll-interval", "1") as server, wired_pico(folder) as pico:
        lab = Lab(server, folder, pico)
        environment = {"TINYMLAAS_SERVER": server.url, "TINYMLAAS_TOKEN": server.token}
        enrolled = CliRunner(env=environment).invoke(app, ["enrol", "pico-1", "--on", pico.port])
        assert enrolled.exception is None, enrolled.exception
        yield lab
