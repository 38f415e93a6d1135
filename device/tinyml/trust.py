"""Who may make modules for this device. Once release keys are set, tinyml.Model refuses what they do not answer for."""

import struct

from .source import HEADER_BYTES, KEYS_PATH, open_keys

_BLOCK_BYTES = 168  # signer[32], epoch, reserved, certificate[64], signature[64], at the end of the file
_keys = KEYS_PATH


def use(keys):
    """From now on: the keys in another file (a path), or {"release": [keys in hex], "epoch": n}; None: the usual file again."""
    global _keys
    _keys = KEYS_PATH if keys is None else keys
    _release_keys()  # raises ValueError now rather than at the next module


def fingerprints():
    """By which people tell the release keys apart: 16 hexadecimal digits each; [] when no keys are set."""
    from hashlib import sha256

    release, _ = _release_keys() or ((), 0)
    return ["".join("%02x" % b for b in sha256(key).digest()[:8]) for key in release]


def check(buffer, name="module"):
    """Returns (signer, epoch, counter) of a module that the release keys answer for; else ValueError with the reason.

    Who installs modules also compares the counter with that of the module it has: a lower one is older.
    """
    keys = _release_keys()
    if keys is None:
        raise ValueError("no release keys are set; install them with: tinymlaas keys install")
    view = memoryview(buffer)
    offset, counter = _place(view, name)
    signer, epoch = _signer(view, offset, keys, name)
    if not _verifier()(signer, view[offset + 104 :], b"TML module 1\0", view[:HEADER_BYTES]):
        raise ValueError("%s: the signature is not its signer's: altered or forged, refused" % name)
    if _sha256()(view[HEADER_BYTES:offset]).digest() != bytes(view[72:HEADER_BYTES]):
        raise ValueError("%s: not what was signed: damaged or altered, upload it again" % name)
    return signer, epoch, counter


def guard(buffer, name):
    """False when no release keys are set, True when they answer for the module; else ValueError."""
    return _release_keys() is not None and bool(check(buffer, name))


def advance(epoch):
    """Refuses signers of lower epochs from now on, for good: rewrites the file of the keys. Never goes back."""
    import json
    import os

    release, lowest = _release_keys() or ((), epoch)
    if epoch <= lowest:
        return
    if isinstance(_keys, dict):
        _keys["epoch"] = epoch
        return
    with open(_keys + ".new", "w") as f:
        json.dump({"release": ["".join("%02x" % b for b in key) for key in release], "epoch": epoch}, f)
    try:
        os.rename(_keys + ".new", _keys)
    except OSError:  # FAT replaces nothing; open_keys() finds the new file should the power fail in between
        os.remove(_keys)
        os.rename(_keys + ".new", _keys)


def _release_keys():
    # (public keys, lowest epoch), or None when none are set. Whatever cannot be read lets no module in.
    keys = _keys
    try:
        if not isinstance(keys, dict):
            f = open_keys(keys)
            if f is None:
                return None
            keys = _read(f)
        release = [bytes(int(key[i : i + 2], 16) for i in range(0, len(key), 2)) for key in keys["release"]]
        if any(len(key) != 32 for key in release) or not release:
            raise ValueError
        return release, int(keys["epoch"])
    except (ValueError, KeyError, TypeError):
        raise ValueError("the release keys of this device are damaged; install them with: tinymlaas keys install")


def _read(f):
    import json

    with f:
        return json.load(f)


def _place(view, name):
    # Where the signature begins, and the release counter.
    if len(view) < HEADER_BYTES or not _is_bytes(view):
        raise ValueError("%s: not a buffer of bytes with a module in it" % name)
    size = struct.unpack_from("<I", view, 8)[0]
    offset, counter = struct.unpack_from("<II", view, 64)
    if not offset:
        raise ValueError("%s: not signed, and this device has release keys; sign it with: tinymlaas sign" % name)
    if size != len(view) or offset % 4 or offset < HEADER_BYTES or offset + _BLOCK_BYTES != size or not counter:
        raise ValueError("%s: the signature is not where it belongs: damaged or altered, refused" % name)
    return offset, counter


def _is_bytes(view):
    # Slices of wider items would not be the bytes that C reads.
    try:
        struct.unpack_from("B", view, len(view))
    except ValueError:
        return True
    return False


def _signer(view, offset, keys, name):
    # (key, epoch) of who signed, when a release key or certified by one.
    release, lowest = keys
    signer = bytes(view[offset : offset + 32])
    epoch, reserved = struct.unpack_from("<II", view, offset + 32)
    certificate = view[offset + 40 : offset + 104]
    if signer in release:
        known = not (epoch or reserved or any(certificate))
    else:
        verify, text = _verifier(), view[offset : offset + 36]
        known = epoch and not reserved and any(verify(key, certificate, b"TML signer 1\0", text) for key in release)
    if not known:
        raise ValueError("%s: signed by a key that no release key of this device vouches for, refused" % name)
    if epoch and epoch < lowest:
        raise ValueError(
            "%s: signed in epoch %d, revoked here: %d is the lowest; sign it again with a newer key"
            % (name, epoch, lowest)
        )
    return signer, epoch


def _verifier():
    try:
        from _tinyml_ed25519 import verify

        return verify
    except (ImportError, ValueError) as e:
        raise ValueError("release keys are set, but signatures cannot be checked (%s); use: tinymlaas deploy" % e)


def _sha256():
    try:
        from hashlib import sha256

        return sha256
    except ImportError:
        raise ValueError("release keys are set, but this firmware has no SHA-256 to check modules with")
