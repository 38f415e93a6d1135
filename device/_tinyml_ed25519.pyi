"""The native module that checks signatures, for tinyml.trust."""

from typing_extensions import Buffer

def verify(key: Buffer, signature: Buffer, *parts: Buffer) -> bool:
    """Whether an Ed25519 signature (64 bytes) is that of the key's owner (32 bytes) over all parts, one after the other.

    Allocates nothing. False for keys of small order. Raises ValueError when key or signature have another length.
    """
