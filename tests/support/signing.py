"""Keys of the tests, and a module signed with each of the two kinds."""

from __future__ import annotations

from tests.support.small_module import small_module
from tinymlaas import sign

RELEASE, OTHER, ONLINE = (sign.Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
RELEASE_PUBLIC, OTHER_PUBLIC, ONLINE_PUBLIC = map(sign.public_bytes, (RELEASE, OTHER, ONLINE))
EPOCH, COUNTER = 3, 7
CERTIFICATE = sign.certify(RELEASE, ONLINE_PUBLIC, EPOCH)

PLAIN = small_module()
BY_RELEASE = sign.sign(PLAIN, RELEASE, COUNTER)
BY_ONLINE = sign.sign(PLAIN, ONLINE, COUNTER, CERTIFICATE)
