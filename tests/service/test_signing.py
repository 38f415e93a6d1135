"""The server cannot forge: what waits is signed elsewhere, and only good signatures make a build ready."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from tests.support.service import DIGITS, Keys
from tinymlaas import sign
from tinymlaas.service import builder
from tinymlaas.service.client import Client
from tinymlaas.service.compiler import Job, compile_here
from tinymlaas.service.signer import Signer, sign_waiting

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
MODULE = compile_here(DIGITS, Job("digits", "any", list("0123456789"))).module


@pytest.fixture
def waiting(idle, keys):
    """A service with one module that waits for a signature, the registered key, and a signer's client."""
    idle.upload()
    assert idle.admin.post("/api/v1/keys", json={"public_key": keys.public, "name": "release"}).status_code == 201
    idle.signer = idle.role("signer")
    idle.task = next(t for t in idle.signer.get("/api/v1/signing").json() if t["target"] == "any")
    return idle


def _post(waiting, block):
    return waiting.signer.post(f"/api/v1/signing/{waiting.task['build']}", json={"block": block.hex()})


def _block(key, counter=1, module=MODULE, certificate=None):
    return sign.signature_block(sign.prepare(module, counter), key, certificate)


def test_a_signature_under_a_registered_key_makes_a_build_ready(waiting, keys):
    answer = _post(waiting, _block(keys.private))
    assert answer.status_code == 200
    build = answer.json()
    assert (build["state"], build["signer"]) == ("ready", keys.public)
    signed = waiting.admin.get(f"/api/v1/builds/{build['id']}/module").content
    assert signed == sign.sign(MODULE, keys.private, 1)
    assert build["signed_sha256"] == hashlib.sha256(signed).hexdigest()
    assert build["signed_bytes"] == len(signed)
    assert _post(waiting, _block(keys.private)).status_code == 409


def _flipped(block, at):
    return block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]


@pytest.mark.parametrize(
    "forge",
    [
        lambda key: _block(Keys().private),
        lambda key: _block(key, counter=2),
        lambda key: _block(key, module=compile_here(DIGITS, Job("digits", "any")).module),
        lambda key: bytes(168),
        lambda key: _flipped(_block(key), 0),
        lambda key: _flipped(_block(key), 40),
        lambda key: _flipped(_block(key), 167),
    ],
    ids=["unknown key", "other counter", "other module", "zeros", "signer", "certificate", "signature"],
)
def test_a_forged_signature_is_refused(waiting, keys, forge):
    answer = _post(waiting, forge(keys.private))
    assert answer.status_code == 422
    assert "signature is refused" in answer.json()["error"]
    assert waiting.admin.get(f"/api/v1/builds/{waiting.task['build']}").json()["state"] == "unsigned"


def test_a_certified_key_signs_until_its_epoch_is_revoked(waiting, keys):
    online = Keys()
    certificates = [sign.certify(keys.private, bytes.fromhex(online.public), epoch) for epoch in (2, 3)]
    again = {"public_key": keys.public, "lowest_epoch": 3}
    assert waiting.admin.post("/api/v1/keys", json=again).json()["lowest_epoch"] == 3
    answer = _post(waiting, _block(online.private, certificate=certificates[0]))
    assert answer.status_code == 422
    assert "epoch 2 is revoked" in answer.json()["error"]
    assert _post(waiting, _block(online.private, certificate=certificates[1])).status_code == 200
    assert waiting.admin.post("/api/v1/keys", json=again | {"lowest_epoch": 2}).status_code == 409


@pytest.mark.parametrize("key", ["00" * 32, "01" + "00" * 31, "zz" * 32, "aa"])
def test_a_key_under_which_anybody_could_sign_is_refused(idle, key):
    assert idle.admin.post("/api/v1/keys", json={"public_key": key}).status_code == 422


class _Api(Client):
    """A signer's client without a network."""

    def __init__(self, http):
        self._http, self.server = http, "http://testserver"


@pytest.fixture
def signer(waiting, keys):
    http = waiting.signer
    http.base_url = "http://testserver/api/v1"
    return Signer(_Api(http), keys.private)


def test_a_signer_makes_each_module_again_and_signs_what_is_the_same(waiting, signer):
    while builder.step(waiting.instance, "w"):
        pass
    told = []
    assert sign_waiting(signer, told.append) == 6
    assert {b["state"] for b in waiting.builds("ready")} == {"ready"}
    assert not any(outcome.error for outcome in told)


def test_a_signer_signs_nothing_that_its_source_does_not_compile_to(waiting, signer):
    """A server that was broken into puts another module in the place of the one it built."""
    other = compile_here(DIGITS, Job("digits", "any", ["evil"]))
    with builder.writing(waiting.instance.engine) as session:
        build = session.get(builder.Build, waiting.task["build"])
        builder.fill(build, waiting.instance.store.put("module", other.module), other, builder.now())
    told = []
    assert sign_waiting(signer, told.append) == 0
    assert "is not what its source compiles to here" in told[0].error
    skip = {(waiting.task["build"], hashlib.sha256(other.module).hexdigest())}
    told.clear()
    assert sign_waiting(signer, told.append, skip) == 0
    assert told == []


def test_a_signer_signs_no_other_source(waiting, signer, monkeypatch):
    monkeypatch.setattr(_Api, "get_bytes", lambda self, path: DIGITS + b"x")
    told = []
    assert sign_waiting(signer, told.append) == 0
    assert "source is not the one" in told[0].error


def test_the_service_has_no_private_key(waiting):
    held = [f.name for f in dataclasses.fields(waiting.instance) if "key" in f.name]
    assert held == []
