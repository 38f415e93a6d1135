"""Test vectors for Ed25519: those of RFC 8032, and edge cases made with a plain implementation of the curve."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]  # affine


@dataclass(frozen=True, slots=True)
class Vector:
    """A public key, a signature, a message, and whether the check has to accept them."""

    name: str
    key: bytes
    signature: bytes
    message: bytes
    valid: bool


def _rfc(name: str, key: str, message: str, signature: str) -> Vector:
    return Vector(name, bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(message), True)


# RFC 8032, 7.1: tests 1, 2, 3 and SHA(abc)
VECTORS = [
    _rfc(
        "rfc 1",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    _rfc(
        "rfc 2",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    _rfc(
        "rfc 3",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    _rfc(
        "rfc abc",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


def _add(a: Point, b: Point) -> Point:
    t = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + t, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P)
    return x % P, y % P


def _times(n: int, a: Point) -> Point:
    out: Point = (0, 1)
    while n:
        if n & 1:
            out = _add(out, a)
        a, n = _add(a, a), n >> 1
    return out


def _root(y: int) -> int:
    """The even x of a point."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square
    return x if x % 2 == 0 else P - x


def _encoded(a: Point) -> bytes:
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


_BY = 4 * pow(5, -1, P) % P
BASE: Point = (_root(_BY), _BY)
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
ORDER_8: Point = (_root(_Y8), _Y8)


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def _signed(secret: int, key: bytes, nonce: int, r: bytes, message: bytes) -> bytes:
    return r + ((nonce + _hash(r, key, message) * secret) % L).to_bytes(32, "little")


def edge_cases() -> list[Vector]:
    """What a check may get wrong."""
    good, message = VECTORS[1], b"edge"
    s = int.from_bytes(good.signature[32:], "little")
    secret, nonce = 0x1234567890ABCDEF << 130, 0xFEDCBA0987654321 << 120
    a, r = _times(secret, BASE), _times(nonce, BASE)
    key = _encoded(a)
    honest = _signed(secret, key, nonce, _encoded(r), message)
    out = [Vector("made here", key, honest, message, True)]
    # S + kL are the same scalar in another form.
    for k in (1, 2, 8, 14):
        if s + k * L < 2**256:
            form = good.signature[:32] + (s + k * L).to_bytes(32, "little")
            out.append(Vector(f"S + {k} L", good.key, form, good.message, False))
    for name, scalar in (("0", 0), ("L", L), ("L - 1", L - 1), ("all ones", 2**256 - 1), ("top bit", s | 1 << 255)):
        form = good.signature[:32] + scalar.to_bytes(32, "little")
        out.append(Vector(f"S = {name}", good.key, form, good.message, False))
    out += [
        Vector("all zero", bytes(32), bytes(64), message, False),
        Vector("halves swapped", good.key, good.signature[32:] + good.signature[:32], good.message, False),
        Vector("R negated", good.key, _negated(good.signature), good.message, False),
        Vector("key negated", _negated(good.key), good.signature, good.message, False),
        Vector("R off the curve", key, b"\2" + bytes(31) + honest[32:], message, False),
        Vector("key off the curve", b"\2" + bytes(31), honest, message, False),
        Vector("another key", VECTORS[0].key, good.signature, good.message, False),
    ]
    return out + _weak_keys(message) + _mixed_order(secret, nonce, message)


def _negated(point: bytes) -> bytes:
    return point[:31] + bytes([point[31] ^ 0x80]) + point[32:]


def _weak_keys(message: bytes) -> list[Vector]:
    """With a key of small order, R = S B is a signature of anything once the cofactor is multiplied in."""
    out = []
    for n in range(8):
        key, r = _encoded(_times(n, ORDER_8)), _times(99, BASE)
        out.append(Vector(f"key of small order, {n}", key, _encoded(r) + (99).to_bytes(32, "little"), message, False))
    for y in (P, P + 1):  # 0 and 1, not reduced
        r = _times(99, BASE)
        signature = _encoded(r) + (99).to_bytes(32, "little")
        out.append(Vector(f"key of small order, y = {y - P} + p", y.to_bytes(32, "little"), signature, message, False))
    return out


def _mixed_order(secret: int, nonce: int, message: bytes) -> list[Vector]:
    """Accepted, as docs/SECURITY.md says: only the owner of the secret can make them."""
    key = _encoded(_add(_times(secret, BASE), ORDER_8))
    r = _encoded(_times(nonce, BASE))
    plain, strange = _encoded(_times(secret, BASE)), _encoded(_add(_times(nonce, BASE), ORDER_8))
    return [
        Vector("key with a part of small order", key, _signed(secret, key, nonce, r, message), message, True),
        Vector("R with a part of small order", plain, _signed(secret, plain, nonce, strange, message), message, True),
    ]
