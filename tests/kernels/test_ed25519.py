"""The signature check in C: RFC 8032's vectors, edge cases, and what `cryptography` says; our SHA-512 against hashlib."""

from __future__ import annotations

import ctypes
import hashlib
import os
import random
import subprocess
import sys
from functools import cache

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.support.ed25519 import VECTORS, Vector, edge_cases
from tinymlaas.toolchain.hostlib import build_verifier

CONTEXT_BYTES = 64 + 8 + 128


@cache
def library() -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(build_verifier()))
    loaded.tml_ed25519_check.restype = ctypes.c_bool
    return loaded


def sha512(*parts: bytes) -> bytes:
    context, digest = ctypes.create_string_buffer(CONTEXT_BYTES), ctypes.create_string_buffer(64)
    library().tml_sha512_init(context)
    for part in parts:
        library().tml_sha512_update(context, part, ctypes.c_size_t(len(part)))
    library().tml_sha512_final(context, digest)
    return digest.raw


def check(key: bytes, signature: bytes, message: bytes) -> bool:
    return bool(library().tml_ed25519_check(key, signature, sha512(signature[:32], key, message)))


def openssl(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_sha512_of_every_length_in_any_pieces():
    chosen = random.Random(1)
    for length in range(400):
        data = chosen.randbytes(length)
        cuts = sorted(chosen.randrange(length + 1) for _ in range(3))
        parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
        assert sha512(*parts) == hashlib.sha512(data).digest(), length


def test_sha512_of_a_long_message():
    data = bytes(range(256)) * 5000
    assert sha512(data) == hashlib.sha512(data).digest()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
def test_vectors_of_rfc_8032(vector: Vector):
    assert vector.valid
    assert check(vector.key, vector.signature, vector.message)
    assert not check(vector.key, vector.signature, vector.message + b"x")


@pytest.mark.parametrize("vector", edge_cases(), ids=lambda v: v.name)
def test_edge_cases(vector: Vector):
    assert check(vector.key, vector.signature, vector.message) is vector.valid


def test_agrees_with_openssl_on_every_flipped_bit():
    vector = VECTORS[2]
    for place in range(64 + 32):
        for bit in range(8):
            both = bytearray(vector.key + vector.signature)
            both[place] ^= 1 << bit
            key, signature = bytes(both[:32]), bytes(both[32:])
            assert check(key, signature, vector.message) is False
            assert not openssl(key, signature, vector.message)


def test_agrees_with_openssl_on_random_messages():
    chosen = random.Random(2)
    for _ in range(200):
        key = Ed25519PrivateKey.from_private_bytes(chosen.randbytes(32))
        message = chosen.randbytes(chosen.randrange(300))
        signature = key.sign(message)
        assert check(key.public_key().public_bytes_raw(), signature, message)


def test_under_sanitizers():
    """Random points, scalars and digests: most are refused, all within bounds and without undefined behaviour."""
    code = """
import ctypes, random, sys
lib, chosen = ctypes.CDLL(sys.argv[1]), random.Random(3)
lib.tml_ed25519_check.restype = ctypes.c_bool
context, digest = ctypes.create_string_buffer(200), ctypes.create_string_buffer(64)
for n in range(150):
    key, signature, message = chosen.randbytes(32), chosen.randbytes(63) + bytes([chosen.randrange(17)]), chosen.randbytes(n)
    lib.tml_sha512_init(context)
    lib.tml_sha512_update(context, message, ctypes.c_size_t(n))
    lib.tml_sha512_final(context, digest)
    assert not lib.tml_ed25519_check(key, signature, digest)
    assert not lib.tml_ed25519_check(bytes([n]) * 32, bytes([255 - n] * 32) + bytes(32), digest)
print("done")
"""
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    environment = {**os.environ, "LD_PRELOAD": runtime.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0"}
    command = [sys.executable, "-c", code, str(build_verifier(sanitize=True))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr[-3000:]
