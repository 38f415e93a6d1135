"""Signing and checking on the host: what is accepted, and that everything else is refused with its reason."""

import hashlib
import json
import struct

import pytest

from tests.support.signing import (
    BY_ONLINE,
    BY_RELEASE,
    CERTIFICATE,
    ONLINE,
    ONLINE_PUBLIC,
    OTHER,
    OTHER_PUBLIC,
    PLAIN,
    RELEASE,
    RELEASE_PUBLIC,
)
from tinymlaas import sign
from tinymlaas.errors import ModuleError, TinymlError, UsageError
from tinymlaas.planfmt import HEADER, SIGNATURE
from tinymlaas.unpack import unpack

BOTH = pytest.mark.parametrize("module", [BY_RELEASE, BY_ONLINE], ids=["release", "online"])


def field(module: bytes, layout, name: str, value, at: int = 0) -> bytes:
    """The module with another value in one field."""
    fields = layout.unpack(module, at) | {name: value}
    return module[:at] + layout.pack(fields) + module[at + layout.nbytes :]


def verify(module: bytes, lowest_epoch: int = 1) -> sign.Signed:
    return sign.verify(module, [OTHER_PUBLIC, RELEASE_PUBLIC], lowest_epoch)


# What is accepted


def test_a_release_key_signs_alone():
    found = verify(BY_RELEASE)
    assert (found.signer, found.release, found.epoch, found.counter) == (RELEASE_PUBLIC, RELEASE_PUBLIC, 0, 7)
    assert found.header_sha256 == hashlib.sha256(BY_RELEASE[:104]).digest()


def test_a_certified_key_signs_for_its_release_key():
    found = verify(BY_ONLINE, lowest_epoch=3)
    assert (found.signer, found.release, found.epoch, found.counter) == (ONLINE_PUBLIC, RELEASE_PUBLIC, 3, 7)


@BOTH
def test_a_signed_module_is_the_module_and_a_block_at_its_end(module):
    header = unpack(module).header
    assert header["signature_offset"] == -len(PLAIN) % 4 + len(PLAIN)
    assert len(module) == header["signature_offset"] + SIGNATURE.nbytes == header["file_bytes"]
    assert module[104 : len(PLAIN)] == PLAIN[104:]


def test_an_odd_length_is_padded():
    payload = PLAIN[104:] + b"\x01"
    header = HEADER.unpack(PLAIN)
    header |= {"file_bytes": len(PLAIN) + 1, "payload_sha256": hashlib.sha256(payload).digest()}
    module = sign.sign(HEADER.pack(header) + payload, RELEASE, 1)
    assert len(module) % 4 == 0
    assert verify(module).counter == 1


@BOTH
def test_signing_again_replaces_the_signature(module):
    assert sign.sign(module, RELEASE, 7) == BY_RELEASE
    assert verify(sign.sign(module, OTHER, 8)).counter == 8


def test_a_block_made_elsewhere_fits():
    block = sign.signature_block(sign.prepare(PLAIN, 7), ONLINE, CERTIFICATE)
    assert sign.attach(PLAIN, 7, block) == BY_ONLINE


def test_claims_are_there_without_keys():
    assert sign.claims(PLAIN) is None
    assert sign.claims(BY_ONLINE) == {"signer": ONLINE_PUBLIC, "epoch": 3, "counter": 7}


# What is refused


def test_unsigned():
    with pytest.raises(ModuleError, match="not signed"):
        verify(PLAIN)


def test_another_key():
    with pytest.raises(ModuleError, match="no known release key vouches for"):
        sign.verify(BY_RELEASE, [OTHER_PUBLIC])


def test_a_certificate_of_another_release_key():
    with pytest.raises(ModuleError, match="no known release key vouches for"):
        sign.verify(BY_ONLINE, [OTHER_PUBLIC])


def test_a_revoked_epoch():
    with pytest.raises(ModuleError, match="signed in epoch 3, which is revoked: 4 is"):
        verify(BY_ONLINE, lowest_epoch=4)


FORGED = {
    "counter": field(BY_RELEASE, HEADER, "min_version", 8),
    "no counter": field(BY_RELEASE, HEADER, "min_version", 0),
    "arena": field(BY_RELEASE, HEADER, "arena_bytes", 64),
    "payload": field(
        BY_RELEASE[:-169] + b"\x55" + BY_RELEASE[-168:],
        HEADER,
        "payload_sha256",
        list(hashlib.sha256(BY_RELEASE[104:-169] + b"\x55").digest()),
    ),
    "signer": field(BY_RELEASE, SIGNATURE, "signer", list(OTHER_PUBLIC), len(BY_RELEASE) - 168),
    "stranger": field(BY_RELEASE, SIGNATURE, "signer", list(ONLINE_PUBLIC), len(BY_RELEASE) - 168),
    "signer of a certificate": field(BY_ONLINE, SIGNATURE, "signer", list(OTHER_PUBLIC), len(BY_ONLINE) - 168),
    "epoch": field(BY_ONLINE, SIGNATURE, "epoch", 4, len(BY_ONLINE) - 168),
    "epoch of a release key": field(BY_RELEASE, SIGNATURE, "epoch", 4, len(BY_RELEASE) - 168),
    "reserved": field(BY_ONLINE, SIGNATURE, "reserved", 1, len(BY_ONLINE) - 168),
    "certificate as signature": BY_ONLINE[:-64]
    + bytes(SIGNATURE.unpack(BY_ONLINE, len(BY_ONLINE) - 168)["certificate"]),
    "block of another module": sign.sign(PLAIN, RELEASE, 8)[:-168] + BY_RELEASE[-168:],
}


@pytest.mark.parametrize("module", FORGED.values(), ids=FORGED)
def test_forged(module):
    with pytest.raises(ModuleError):
        verify(module)


@BOTH
def test_every_flipped_bit_of_header_and_signature(module):
    places = [*range(HEADER.nbytes), *range(len(module) - SIGNATURE.nbytes, len(module))]
    for place in places:
        for bit in range(8):
            altered = bytearray(module)
            altered[place] ^= 1 << bit
            with pytest.raises(ModuleError):
                verify(bytes(altered))


@pytest.mark.parametrize("offset", [4, 100, len(PLAIN) - 4, len(BY_RELEASE) - 164, 2**32 - 4])
def test_a_signature_elsewhere(offset):
    payload = BY_RELEASE[104:offset]
    moved = field(BY_RELEASE, HEADER, "signature_offset", offset)
    moved = field(moved, HEADER, "payload_sha256", list(hashlib.sha256(payload).digest()))
    with pytest.raises(ModuleError, match="its signature lies at"):
        verify(moved)


def test_a_certificate_is_for_one_key():
    with pytest.raises(UsageError, match="the certificate is for key"):
        sign.sign(PLAIN, OTHER, 1, CERTIFICATE)


@pytest.mark.parametrize("counter", [0, -1, 2**32])
def test_counters_and_epochs_have_a_range(counter):
    with pytest.raises(UsageError, match="choose 1 to 4294967295"):
        sign.sign(PLAIN, RELEASE, counter)
    with pytest.raises(UsageError, match="choose 1 to 4294967295"):
        sign.certify(RELEASE, ONLINE_PUBLIC, counter)


# Keys


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_key_files(tmp_path, passphrase):
    path, key = tmp_path / "release.key", sign.new_key()
    sign.save_key(path, key, passphrase)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sign.is_encrypted(path.read_bytes()) == bool(passphrase)
    assert sign.public_bytes(sign.load_key(path, passphrase)) == sign.public_bytes(key)
    assert sign.load_public(str(path) + ".pub") == sign.load_public(sign.public_bytes(key).hex())


def test_key_files_are_guarded(tmp_path):
    path = tmp_path / "release.key"
    sign.save_key(path, RELEASE, "right")
    with pytest.raises(TinymlError, match="never overwritten"):
        sign.save_key(path, OTHER)
    with pytest.raises(UsageError, match="wrong passphrase"):
        sign.load_key(path, "wrong")
    with pytest.raises(UsageError, match="needs a passphrase"):
        sign.load_key(path)
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        sign.load_key(path, "right")


def test_what_is_no_key(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"no key")
    path.chmod(0o600)
    with pytest.raises(UsageError, match="not a private key"):
        sign.load_key(path)
    with pytest.raises(UsageError, match="not a public key"):
        sign.load_public(str(path))
    with pytest.raises(TinymlError, match="No such file"):
        sign.load_public(str(path) + ".pub")


# The canonical and other encodings of all points whose order divides 8.
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("text", SMALL_ORDER)
@pytest.mark.parametrize("sign_bit", [0, 0x80])
def test_points_of_small_order_are_no_keys(text, sign_bit):
    key = bytes.fromhex(text)
    with pytest.raises(UsageError, match="small order"):
        sign.check_public(key[:31] + bytes([key[31] | sign_bit]))


def test_certificate_files():
    text = sign.certificate_text(CERTIFICATE)
    assert sign.parse_certificate(text) == CERTIFICATE
    for broken in ("", "{}", text.replace("3", "x", 1), text[:-20], json.dumps({**json.loads(text), "epoch": 0})):
        with pytest.raises(UsageError, match="not a certificate"):
            sign.parse_certificate(broken)


def test_what_a_device_is_given():
    keys = json.loads(sign.device_keys([RELEASE_PUBLIC, OTHER_PUBLIC, RELEASE_PUBLIC], 2))
    assert keys == {"release": [RELEASE_PUBLIC.hex(), OTHER_PUBLIC.hex()], "epoch": 2}
    with pytest.raises(UsageError, match="0 release keys"):
        sign.device_keys([])
    many = [sign.public_bytes(sign.new_key()) for _ in range(5)]
    with pytest.raises(UsageError, match="5 release keys"):
        sign.device_keys(many)


def test_the_signed_text_is_as_documented():
    """Written again from docs/SECURITY.md, without the code under test."""
    block = BY_ONLINE[-168:]
    signer, epoch = block[:32], struct.unpack("<I", block[32:36])[0]
    release = sign.Ed25519PublicKey.from_public_bytes(RELEASE_PUBLIC)
    release.verify(block[40:104], b"TML signer 1\0" + signer + struct.pack("<I", epoch))
    sign.Ed25519PublicKey.from_public_bytes(signer).verify(block[104:], b"TML module 1\0" + BY_ONLINE[:104])
