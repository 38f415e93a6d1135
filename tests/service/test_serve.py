"""`tinymlaas serve` as users start it, with its signer, `push`, TLS, and the ways it may end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.support import postgres
from tests.support.certificate import self_signed
from tests.support.service import DIGITS, ROOT, served, wait_until

TFLITE = ROOT / "device/examples/digits/digits.tflite"
CODE = "from tinymlaas.cli import main; main()"


def tinymlaas(*arguments, token, **environment):
    """A command, run to its end."""
    known = {**os.environ, "TINYMLAAS_TOKEN": token, **environment}
    return subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=known
    )


def builds(server):
    """All builds."""
    with server.api() as api:
        return api.get("/builds").json()["items"]


def all_are(server, state):
    found = builds(server)
    return found and all(b["state"] == state for b in found) and found


def test_one_command_serves_compiles_and_signs_and_ends_cleanly(tmp_path):
    started = time.monotonic()
    with served(tmp_path / "data") as server:
        assert time.monotonic() - started < 60  # seconds when the machine has nothing else to do
        pushed = tinymlaas("push", TFLITE, "--server", server.url, "--name", "digits", "--json", token=server.token)
        assert json.loads(pushed.stdout) == {"model": "digits", "version": 1}
        ready = wait_until(lambda: all_are(server, "ready"), 240)
        with server.api() as api:
            key = api.get("/keys").json()[0]["public_key"]
            assert api.get("/audit/verify").json()["ok"]
        assert {b["facts"]["release_key"] for b in ready} == {key}
        token = server.token
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert token not in server.log.read_text()
    private = sorted((tmp_path / "data" / "keys").glob("*.key"))
    assert [p.stat().st_mode & 0o777 for p in private] == [0o600, 0o600]
    with served(tmp_path / "data", token=token) as again:
        assert len(builds(again)) == 6  # the same admin token, the same builds


def test_a_server_that_is_killed_goes_on_where_it_was(tmp_path):
    with served(tmp_path / "data") as server:
        with server.api() as api:
            assert api.post("/models", data={"name": "digits"}, files={"file": DIGITS}).status_code == 201
        wait_until(lambda: any(b["state"] == "running" for b in builds(server)))
        children = subprocess.run(
            ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True
        ).stdout.split()
        server.process.kill()
        server.process.wait()
    wait_until(lambda: not any(os.path.exists(f"/proc/{child}") for child in children))
    with served(tmp_path / "data", token=server.token) as again:
        found = wait_until(lambda: all_are(again, "ready"), 300)
        assert len(found) == 6
        with again.api() as api:
            assert api.get("/audit/verify").json()["ok"]


def test_two_servers_share_a_database_and_a_bucket(tmp_path, postgres_server, s3):
    """One takes the upload and compiles nothing, the other compiles and has it signed; each gives out the same module."""
    places = ("--database", postgres.new_database(postgres_server), "--store", "s3://modules/fleet")
    first = served(tmp_path / "a", *places, "--signer", "none", "--workers", "0", environment=s3)
    with first as one, served(tmp_path / "b", *places, token=one.token, environment=s3) as other:
        pushed = tinymlaas("push", TFLITE, "--server", one.url, "--name", "digits", token=one.token)
        assert pushed.returncode == 0, pushed.stderr
        ready = wait_until(lambda: all_are(one, "ready"), 240)
        path = f"/builds/{ready[0]['id']}/module"
        with one.api() as here, other.api() as there:
            assert here.get(path).content == there.get(path).content
            assert len(here.get(path).content) == ready[0]["signed_bytes"]
    assert not list(tmp_path.glob("*/store/*"))


def test_push_says_what_is_wrong_in_one_line(tmp_path):
    with served(tmp_path / "data", "--signer", "none") as server:
        assert not (tmp_path / "data" / "keys").exists()
        to = ("--server", server.url)
        for arguments, token, words in [
            ((ROOT / "README.md", *to), server.token, "not a .tflite file"),
            ((TFLITE, *to), "wrong", "no valid token"),
            ((TFLITE, *to, "--to", "nobody"), server.token, "there is no device 'nobody'"),
            ((TFLITE, *to, "--to", "a", "--group", "b"), server.token, "give one of them"),
            ((TFLITE, "--server", "http://127.0.0.1:1"), server.token, "is it up?"),
            ((TFLITE, "--server", "nonsense"), server.token, "no URL"),
        ]:
            failed = tinymlaas("push", *arguments, token=token)
            assert failed.returncode in (1, 2)
            assert words in failed.stderr
            assert "Traceback" not in failed.stderr
        failed = tinymlaas("push", TFLITE, *to, token="", XDG_CONFIG_HOME=str(tmp_path))
        assert "set TINYMLAAS_TOKEN" in failed.stderr
        (tmp_path / "tinymlaas").mkdir()
        (tmp_path / "tinymlaas" / "token").write_text(f"{server.token}\n")
        assert tinymlaas("push", TFLITE, *to, token="", XDG_CONFIG_HOME=str(tmp_path)).returncode == 0


def test_https_with_a_certificate_of_ones_own(tmp_path):
    certificate = self_signed(tmp_path)
    with served(tmp_path / "data", *certificate.options) as server:
        assert server.url.startswith("https://")
        to = ("--server", server.url, "--trust", certificate.pem)
        assert tinymlaas("push", TFLITE, *to, "--name", "digits", token=server.token).returncode == 0
        untrusted = tinymlaas("push", TFLITE, *to[:2], token=server.token)
        assert "certificate verify failed" in untrusted.stderr.replace("\n", " ").lower()
        wait_until(lambda: all_are(server, "ready"), 240)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--database", "postgresql://nobody@127.0.0.1:1/x"], "database postgresql"),
        (["--database", "mysql:/x"], "check the URL"),
        (["--store", "s4://x"], "store s4://x"),
        (["--tls-key", "nothing.pem"], "go together"),
        (["--tls-certificate", "a.pem", "--tls-key", "b.pem"], "cannot be used for TLS"),
        (["--signer", "maybe"], "neither auto nor none"),
        (["--port", "{taken}"], "stop what listens there"),
    ],
)
def test_what_keeps_it_from_starting_is_said_in_one_line(tmp_path, options, words):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = [o.format(taken=taken.getsockname()[1]) for o in options]
        failed = tinymlaas("serve", "--data", tmp_path, *options, token="")
    assert failed.returncode in (1, 2)
    assert words in failed.stderr
    assert "Traceback" not in failed.stderr


def test_health_is_open_to_all(tmp_path):
    with served(tmp_path / "data", "--signer", "none") as server:
        assert httpx.get(f"{server.url}/healthz").json()["status"] == "ok"
        assert "server" not in httpx.get(f"{server.url}/healthz").headers
