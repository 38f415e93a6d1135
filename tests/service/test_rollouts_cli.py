"""`tinymlaas rollout` and `tinymlaas simulate` against a server that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.service import served, wait_until
from tinymlaas.cli.app import app
from tinymlaas.errors import TinymlError, UsageError
from tinymlaas.service.load import MODEL


def test_a_rollout_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path / "data") as server:
        monkeypatch.setenv("TINYMLAAS_SERVER", server.url)
        monkeypatch.setenv("TINYMLAAS_TOKEN", server.token)
        first = _json("push", str(MODEL))
        assert first["version"] == 1
        _json("simulate", "--devices", "20", "--group", "lab", "--seconds", "2", "--interval", "0.5")
        started = _json("rollout", "start", "digits:1", "--group", "lab", "--stages", "50,100", "--needs-approval")
        assert (started["state"], started["limits"]["failed_percent"]) == ("waiting", 10)
        assert _text("rollout", "approve", "1").startswith("rollout 1: digits v1 to group lab: running")
        assert "paused by admin" in _text("rollout", "pause", "1")
        assert _json("rollout", "resume", "1", "--failed-percent", "50")["limits"]["failed_percent"] == 50
        assert "digits v1  group lab" in _text("rollout", "list")
        with pytest.raises(TinymlError, match=r"no older version of digits"):
            _text("rollout", "rollback", "1")
        with pytest.raises(TinymlError, match=r"there is no rollout 9"):
            _text("rollout", "show", "9")


def test_a_fleet_until_the_end_of_a_rollout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path / "data") as server:
        monkeypatch.setenv("TINYMLAAS_SERVER", server.url)
        monkeypatch.setenv("TINYMLAAS_TOKEN", server.token)
        _json("push", str(MODEL))
        command = [
            sys.executable,
            "-c",
            "from tinymlaas.cli import main; main()",
            "simulate",
            "--devices",
            "30",
            "--group",
        ]
        command += ["lab", "--rollout", "1", "--interval", "0.5", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as fleet, server.api() as api:
            body = {"model": "digits", "group": "lab"}
            assert wait_until(lambda: api.post("/rollouts", json=body).is_success)  # as soon as there is a device
            out, _ = fleet.communicate(timeout=200)
        found = json.loads(out)
        assert found["wrong"] == []
        shown = _json("rollout", "show", "1")
        (stage,) = shown["stages"]
        assert sum(stage["states"].values()) == 30
        assert found["outcomes"]["confirmed"] == stage["states"]["confirmed"] > 20
        assert {part["state"] for part in shown["not_updated"]} == {"rejected"}


def test_wrong_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYMLAAS_TOKEN", "x")
    for arguments in (("digits:seven",), ("digits", "--stages", "5,x")):
        with pytest.raises(UsageError, match="no whole number"):
            _text("rollout", "start", *arguments, "--group", "lab")


def _text(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def _json(*arguments: str) -> dict[str, Any]:
    return dict(json.loads(_text(*arguments, "--json").strip().splitlines()[-1]))
