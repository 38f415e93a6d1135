"""Who made a module: Ed25519 keys, certificates, signing and checking. No I/O but for key files.

A release key signs modules, or certifies signers: keys that may sign on its behalf, with an epoch that devices can
raise to revoke them. Devices hold the public release keys only. Format and rules: docs/SECURITY.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import ModuleError, TinymlError, UsageError
from .planfmt import HEADER, MAX_MODULE_BYTES, SIGNATURE, SIGNED_MODULE, SIGNED_SIGNER
from .unpack import unpack

KEY_BYTES, SIGNATURE_BYTES, MAX_COUNTER = 32, 64, (1 << 32) - 1
MAX_RELEASE_KEYS = 4  # that a device holds
_MODE = 0o600

# y of the points whose order divides 8. With such a key anything can be signed by anybody.
_P = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = {y for y0 in (0, 1, _P - 1, _ORDER_8, _P - _ORDER_8) for y in (y0, y0 + _P) if y < 2**255}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A release key's word that `signer` (a public key) may sign modules, in an epoch from 1."""

    signer: bytes
    epoch: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signed module says, checked: who made it, for which release counter; `header_sha256` names its content."""

    signer: bytes
    release: bytes  # the release key that answers for it: the signer, or who certified the signer
    epoch: int  # 0: signed by the release key itself
    counter: int
    header_sha256: bytes


# Keys


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of a private key's public one."""
    return key.public_key().public_bytes_raw()


def fingerprint(public: bytes) -> str:
    """16 hexadecimal digits by which people tell keys apart."""
    return hashlib.sha256(public).hexdigest()[:16]


def check_public(public: bytes) -> bytes:
    """The same bytes when they can serve as a public key: 32 of them, and no point of small order. Raises UsageError."""
    if len(public) != KEY_BYTES:
        raise UsageError(f"a public key has {KEY_BYTES} bytes, this has {len(public)}")
    if int.from_bytes(public, "little") % 2**255 in _SMALL_ORDER:
        raise UsageError(f"{public.hex()} is a point of small order, for which anybody can forge signatures: no key")
    return public


def new_key() -> Ed25519PrivateKey:
    """A key from the system's random numbers."""
    return Ed25519PrivateKey.generate()


def save_key(path: Path, key: Ed25519PrivateKey, passphrase: str | None = None) -> None:
    """Write `path` (private, PEM, mode 0600) and `path`.pub (PEM). Never replaces a file; raises TinymlError."""
    cipher: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        cipher = serialization.BestAvailableEncryption(passphrase.encode())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    _create(path, key.private_bytes(pem, pkcs8, cipher), _MODE)
    _create(public_path(path), public, 0o644)


def public_path(path: Path) -> Path:
    """Where the public key of a key file lies."""
    return path.with_name(path.name + ".pub")


def _create(path: Path, data: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise TinymlError(f"{path}: is there already; a key is never overwritten: name another file") from error
    except OSError as error:
        raise TinymlError(f"{path}: {error.strerror or error}") from error


def is_encrypted(pem: bytes) -> bool:
    """Whether a private key needs a passphrase."""
    return b"ENCRYPTED PRIVATE KEY" in pem


def load_key(path: Path, passphrase: str | None = None) -> Ed25519PrivateKey:
    """A private key file; raises UsageError when it is none, when the passphrase is wrong, or when others can read it."""
    pem = _read(path)
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        raise UsageError(f"{path}: mode {mode:o}: others can read this private key; run: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except TypeError as error:
        need = "needs a passphrase" if is_encrypted(pem) else "is not encrypted, yet a passphrase was given"
        raise UsageError(f"{path}: {need}") from error
    except ValueError as error:
        why = "wrong passphrase, or damaged" if is_encrypted(pem) else "not a private key in PEM form"
        raise UsageError(f"{path}: {why}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: not an Ed25519 key; make one with: tinymlaas keys new {path}")
    return key


def load_public(text: str) -> bytes:
    """A public key: 64 hexadecimal digits, or the path of a .pub file. Raises UsageError."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return check_public(bytes.fromhex(text))
    try:
        key = serialization.load_pem_public_key(_read(Path(text)))
    except ValueError as error:
        raise UsageError(f"{text}: not a public key in PEM form; name the .pub file, or its 64 digits") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{text}: not an Ed25519 key")
    return check_public(key.public_bytes_raw())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TinymlError(f"{path}: {error.strerror or error}") from error


# Certificates


def certify(release: Ed25519PrivateKey, signer: bytes, epoch: int) -> Certificate:
    """A release key's certificate for a signer's public key. Raises UsageError."""
    if not 1 <= epoch <= MAX_COUNTER:
        raise UsageError(f"epoch {epoch}: choose 1 to {MAX_COUNTER}, higher than that of any signer to be revoked")
    if check_public(signer) == public_bytes(release):
        raise UsageError("a release key needs no certificate: it signs modules as it is")
    return Certificate(signer, epoch, release.sign(_certified(signer, epoch)))


def _certified(signer: bytes, epoch: int) -> bytes:
    return SIGNED_SIGNER + signer + struct.pack("<I", epoch)


def certificate_text(certificate: Certificate) -> str:
    """The content of a certificate file."""
    fields = {
        "signer": certificate.signer.hex(),
        "epoch": certificate.epoch,
        "certificate": certificate.signature.hex(),
    }
    return json.dumps(fields, indent=1) + "\n"


def parse_certificate(text: str, name: str = "certificate") -> Certificate:
    """Content of a certificate file → certificate, its signature not checked. Raises UsageError."""
    try:
        fields = json.loads(text)
        found = Certificate(bytes.fromhex(fields["signer"]), int(fields["epoch"]), bytes.fromhex(fields["certificate"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{name}: not a certificate of `tinymlaas keys certify`: {error!r}") from error
    if len(found.signature) != SIGNATURE_BYTES or not 1 <= found.epoch <= MAX_COUNTER:
        raise UsageError(f"{name}: not a certificate: {len(found.signature)} bytes, epoch {found.epoch}")
    check_public(found.signer)
    return found


# Signing


def sign(module: bytes, key: Ed25519PrivateKey, counter: int, certificate: Certificate | None = None) -> bytes:
    """The module with its release counter and signature; an earlier signature is replaced.

    `certificate`: of a signer that is no release key. Raises ModuleError, UsageError.
    """
    ready = prepare(module, counter)
    return ready + signature_block(ready, key, certificate)


def attach(module: bytes, counter: int, block: bytes) -> bytes:
    """The module with a signature that was made elsewhere for the same counter. Checks nothing: see verify()."""
    if len(block) != SIGNATURE.nbytes:
        raise UsageError(f"a signature block has {SIGNATURE.nbytes} bytes, this has {len(block)}")
    return prepare(module, counter) + block


def prepare(module: bytes, counter: int) -> bytes:
    """What is signed, and what a signature block is appended to: header and payload in their final form.

    Depends on nothing but the module without its signature, and the counter.
    """
    if not 1 <= counter <= MAX_COUNTER:
        raise UsageError(
            f"release counter {counter}: choose 1 to {MAX_COUNTER}, higher than that of the release before"
        )
    header = unpack(module).header
    payload = module[HEADER.nbytes : header["signature_offset"] or len(module)]
    payload += bytes(-len(payload) % 4)
    end = HEADER.nbytes + len(payload)
    if end + SIGNATURE.nbytes > MAX_MODULE_BYTES:
        raise ModuleError(f"module: {end} bytes leave no room for a signature below {MAX_MODULE_BYTES}")
    header |= {
        "file_bytes": end + SIGNATURE.nbytes,
        "signature_offset": end,
        "min_version": counter,
        "payload_sha256": hashlib.sha256(payload).digest(),
    }
    return HEADER.pack(header) + payload


def signature_block(prepared: bytes, key: Ed25519PrivateKey, certificate: Certificate | None = None) -> bytes:
    """The 168 bytes that follow prepare()d bytes. Raises UsageError when the certificate is for another key."""
    signer = public_bytes(key)
    if certificate and certificate.signer != signer:
        raise UsageError(f"the certificate is for key {fingerprint(certificate.signer)}, not for {fingerprint(signer)}")
    fields: dict[str, Any] = {"signer": signer, "signature": key.sign(SIGNED_MODULE + prepared[: HEADER.nbytes])}
    if certificate:
        fields |= {"epoch": certificate.epoch, "certificate": certificate.signature}
    return SIGNATURE.pack(fields)


# Checking


def claims(module: bytes, name: str = "module") -> dict[str, Any] | None:
    """signer, epoch and counter as a module has them, unchecked; None when it is not signed. Raises ModuleError."""
    header = unpack(module, name).header
    if not header["signature_offset"]:
        return None
    block = _block(module, header, name)
    return {"signer": bytes(block["signer"]), "epoch": block["epoch"], "counter": header["min_version"]}


def verify(module: bytes, release_keys: Iterable[bytes], lowest_epoch: int = 1, name: str = "module") -> Signed:
    """What a device checks before it takes a module, but for the counter; raises ModuleError with the reason."""
    header = unpack(module, name).header  # sizes, and the payload against its SHA-256
    if not header["signature_offset"]:
        raise ModuleError(f"{name}: not signed; sign it with: tinymlaas sign")
    if not header["min_version"]:
        raise ModuleError(f"{name}: signed without a release counter")
    block = _block(module, header, name)
    signer = bytes(block["signer"])
    release = _authority(block, signer, list(release_keys), lowest_epoch, name)
    head = module[: HEADER.nbytes]
    if not _holds(signer, bytes(block["signature"]), SIGNED_MODULE + head):
        raise ModuleError(f"{name}: the signature is not that of key {fingerprint(signer)}: altered, or forged")
    return Signed(signer, release, block["epoch"], header["min_version"], hashlib.sha256(head).digest())


def _block(module: bytes, header: dict[str, Any], name: str) -> dict[str, Any]:
    offset = header["signature_offset"]
    if offset % 4 or offset < HEADER.nbytes or offset + SIGNATURE.nbytes != len(module):
        raise ModuleError(f"{name}: its signature lies at {offset}, not in the last {SIGNATURE.nbytes} bytes")
    return SIGNATURE.unpack(module, offset)


def _authority(block: dict[str, Any], signer: bytes, release_keys: list[bytes], lowest_epoch: int, name: str) -> bytes:
    """The release key that answers for the signer."""
    certificate, epoch = bytes(block["certificate"]), block["epoch"]
    if signer in release_keys:
        if epoch or block["reserved"] or any(certificate):
            raise ModuleError(f"{name}: signed by a release key, yet with a certificate: altered")
        return signer
    text = _certified(signer, epoch)
    found = [k for k in release_keys if _holds(k, certificate, text)]
    if not epoch or block["reserved"] or not found:
        raise ModuleError(f"{name}: signed by key {fingerprint(signer)}, which no known release key vouches for")
    if epoch < lowest_epoch:
        raise ModuleError(f"{name}: signed in epoch {epoch}, which is revoked: {lowest_epoch} is the lowest accepted")
    return found[0]


def _holds(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(check_public(public)).verify(signature, text)
    except (InvalidSignature, ValueError, UsageError):
        return False
    return True


def device_keys(release_keys: Iterable[bytes], lowest_epoch: int = 0) -> str:
    """What a device is given, as JSON text: its release keys and the lowest epoch it accepts. Raises UsageError."""
    keys = list(dict.fromkeys(check_public(k) for k in release_keys))
    if not 1 <= len(keys) <= MAX_RELEASE_KEYS:
        raise UsageError(f"{len(keys)} release keys: a device holds 1 to {MAX_RELEASE_KEYS}")
    if not 0 <= lowest_epoch <= MAX_COUNTER:
        raise UsageError(f"epoch {lowest_epoch}: choose 0 to {MAX_COUNTER}")
    return json.dumps({"release": [k.hex() for k in keys], "epoch": lowest_epoch})
