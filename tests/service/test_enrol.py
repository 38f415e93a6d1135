"""`tinymlaas enrol`: a device gets its identity from a real server, on an emulated board and in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tests.support.gateway import WiredPico, wired_pico
from tests.support.service import Served, served
from tinymlaas.cli.app import app
from tinymlaas.errors import ServiceError, UsageError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("service") / "data") as found:
        yield found


@pytest.fixture(autouse=True)
def operator(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYMLAAS_SERVER", server.url)
    monkeypatch.setenv("TINYMLAAS_TOKEN", server.token)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WiredPico]:
    """A Pico whose firmware has neither tinyml nor _tinyml."""
    with wired_pico(tmp_path_factory.mktemp("port"), stock=True) as pico:
        yield pico


def _enrol(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["enrol", *arguments, "--json"])
    if result.exception is not None:
        raise result.exception
    return dict(json.loads(result.stdout))


def _polls(server: Served, identity: dict[str, str]) -> int:
    headers = {"Authorization": f"TargetToken {identity['token']}"}
    return httpx.get(f"{server.url}/default/controller/v1/{identity['device']}", headers=headers).status_code


def test_a_board(server: Served, bare: WiredPico) -> None:
    told = _enrol("bare-1", "--on", bare.port, "--group", "lab", "--model", "digits", "--name", "on the shelf")
    assert told["written"] == ["/tinyml_ota.json", "/tinyml_keys.json"]
    identity = json.loads(bare.run("print(open('/tinyml_ota.json').read())"))
    assert (identity["server"], identity["device"], identity["model"]) == (server.url, "bare-1", "digits")
    assert _polls(server, identity) == 200
    with server.api() as api:
        (key,) = api.get("/keys").json()
        device = api.get("/devices/bare-1").json()
    assert bare.run("import tinyml.trust as t\nprint(t.fingerprints())") == f"['{key['fingerprint']}']"
    assert bare.run("import tinyml.slots\nimport _tinyml\nprint(_tinyml.target())") == "m0plus"
    assert (device["groups"], device["name"]) == (["lab"], "on the shelf")


def test_again(server: Served, bare: WiredPico, tmp_path: Path) -> None:
    _enrol("twice", "--to", str(tmp_path))
    first = json.loads((tmp_path / "tinyml_ota.json").read_text())
    with pytest.raises(ServiceError, match=r"there is a device 'twice'.*--again"):
        _enrol("twice", "--to", str(tmp_path))
    _enrol("twice", "--to", str(tmp_path), "--again")
    second = json.loads((tmp_path / "tinyml_ota.json").read_text())
    assert (_polls(server, first), _polls(server, second)) == (401, 200)


def test_a_folder(server: Served, tmp_path: Path) -> None:
    _enrol("unix-1", "--to", str(tmp_path), "--reach", "http://10.0.0.1:8000")
    path = tmp_path / "tinyml_ota.json"
    identity = json.loads(path.read_text())
    assert (path.stat().st_mode & 0o777, identity["server"]) == (0o600, "http://10.0.0.1:8000")
    with server.api() as api:
        (key,) = api.get("/keys").json()
    assert json.loads((tmp_path / "tinyml_keys.json").read_text()) == {"release": [key["public_key"]], "epoch": 1}


def test_behind_a_gateway(server: Served, tmp_path: Path) -> None:
    with server.api() as api:
        token = api.post("/tokens", json={"name": "lab-gate", "role": "gateway"}).json()["token"]
    _enrol("quiet", "--to", str(tmp_path), "--gateway", "lab-gate", "--no-keys")
    assert json.loads((tmp_path / "tinyml_ota.json").read_text())["token"] == ""
    assert not (tmp_path / "tinyml_keys.json").exists()
    headers = {"Authorization": f"GatewayToken {token}"}
    assert httpx.get(f"{server.url}/default/controller/v1/quiet", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--on PORT or --to DIR"),
        (("--on", "/dev/x", "--to", "."), "--on PORT or --to DIR"),
        (("--on", "pico"), "name the serial port"),
        (("--to", "/nowhere/at/all"), "no such folder"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        _enrol("x", *arguments)


def test_a_wrong_port_makes_no_device(server: Served, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no answer from a MicroPython REPL"):
        _enrol("ghost", "--on", str(tmp_path / "tty"))
    with server.api() as api:
        assert api.get("/devices/ghost").status_code == 404
