"""Keys and signatures from the command line, end to end."""

import json

import pytest
from typer.testing import CliRunner

from tests.support.signing import PLAIN
from tinymlaas import sign
from tinymlaas.cli.app import app
from tinymlaas.errors import TinymlError, UsageError


def call(*words, environment=None):
    """What a command prints on stdout; raises what it raises."""
    result = CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False, env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with a module in it, where the commands are typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.tml").write_bytes(PLAIN)
    return tmp_path


def test_from_keys_to_a_signed_module(files):
    secret = {"TINYML_PASSPHRASE": "correct horse"}
    release = json.loads(call("keys", "new", "release.key", "--passphrase", "--json", environment=secret))
    online = json.loads(call("keys", "new", "online.key", "--json"))
    assert call("keys", "show", "release.key.pub").split() == [release["fingerprint"], release["public"]]
    certify = ("keys", "certify", "online.key.pub", "--release", "release.key", "--epoch", 3, "-o", "online.cert")
    assert online["fingerprint"] in call(*certify, environment=secret)
    said = call(
        "sign", "plain.tml", "--key", "online.key", "--certificate", "online.cert", "--counter", 7, "-o", "s.tml"
    )
    assert f"release 7  signed by {online['fingerprint']} (certified for epoch 3)" in said
    found = sign.verify((files / "s.tml").read_bytes(), [bytes.fromhex(release["public"])], 3)
    assert (found.signer.hex(), found.epoch, found.counter) == (online["public"], 3, 7)
    assert (files / "plain.tml").read_bytes() == PLAIN


def test_a_passphrase_is_asked_for(files):
    runner = CliRunner()
    asked = runner.invoke(app, ["keys", "new", "k", "--passphrase"], input="secret\nsecret\n", catch_exceptions=False)
    assert asked.exit_code == 0
    assert sign.is_encrypted((files / "k").read_bytes())
    words = ["sign", "plain.tml", "--key", "k", "--counter", "1", "-o", "s.tml"]
    with pytest.raises(UsageError, match="wrong passphrase"):
        runner.invoke(app, words, input="Secret\n", catch_exceptions=False)
    assert runner.invoke(app, words, input="secret\n", catch_exceptions=False).exit_code == 0


def test_inspect_shows_who_signed(files):
    online = json.loads(call("keys", "new", "k", "--json"))
    assert json.loads(call("inspect", "plain.tml", "--json"))["signed"] is None
    call("sign", "plain.tml", "--key", "k", "--counter", 2)
    shown = json.loads(call("inspect", "plain.tml", "--json"))["signed"]
    assert shown == {"signer": online["public"], "fingerprint": online["fingerprint"], "epoch": 0, "counter": 2}
    assert f"release 2, says it is signed by key {online['fingerprint']}" in call("inspect", "plain.tml")


def test_what_goes_wrong_leaves_files_as_they_were(files):
    call("keys", "new", "k")
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    with pytest.raises(TinymlError, match="never overwritten"):
        call("keys", "new", "k")
    with pytest.raises(UsageError, match="choose 1 to"):
        call("sign", "plain.tml", "--key", "k", "--counter", 0)
    with pytest.raises(UsageError, match="not a certificate"):
        call("sign", "plain.tml", "--key", "k", "--counter", 1, "--certificate", "k.pub")
    (files / "k.pub").chmod(0o600)
    with pytest.raises(UsageError, match="not a private key"):
        call("sign", "plain.tml", "--key", "k.pub", "--counter", 1)
    with pytest.raises(UsageError, match="serial port"):
        call("keys", "install", "k.pub", "--on", "nowhere")
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before
