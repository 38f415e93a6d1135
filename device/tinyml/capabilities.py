"""What this device is, as the service wants to know it. Sizes are measured when asked for."""

import gc
import sys

from .slots import FOLDER, flash_free
from .source import largest_free, may_have_keys, native

_ARCHES = ",x86,x64,armv6,armv6m,armv7m,armv7em,armv7emsp,armv7emdp,xtensa,xtensawin,rv32imc"
_MOST_FLASH = 1 << 28  # no module is larger; and the disk of a computer changes all the time


def capabilities(slots=None, link="http"):
    """A dict with the fields of docs/SERVICE.md. slots: of the model that runs; it must be loaded, since a new one is tested beside it."""
    from . import __version__

    tinyml, mpy = native(), getattr(sys.implementation, "_mpy", 0)
    keys = _keys()
    gc.collect()
    return {
        "format": 1,
        "board": getattr(sys.implementation, "_machine", "")[:128],
        "board_id": getattr(sys.implementation, "_build", ""),
        "port": sys.platform,
        "micropython": ".".join(str(n) for n in sys.implementation.version[:3]),
        "mpy": mpy,
        "arch": _arch(mpy),
        "kernel_target": tinyml.target(),
        "runtime_version": tinyml.RUNTIME_VERSION,
        "format_version": tinyml.FORMAT_VERSION,
        "operators": None,
        "tinyml": __version__,
        "clock_hz": _clock_hz(),
        "heap_free": gc.mem_free() & ~1023,
        "heap_block": largest_free() & ~1023,
        "flash_free": min(slots.room() if slots else flash_free(FOLDER), _MOST_FLASH) & ~4095,
        "romfs_free": 0,  # nothing puts modules there over the air
        "ram": None,
        "verifies": bool(keys) and _verifies(),
        "keys": keys,
        "link": link,
    }


def _arch(mpy):
    names, number = _ARCHES.split(","), mpy >> 10 & 31
    return names[number] if number < len(names) else ""


def _clock_hz():
    try:
        from machine import freq

        hz = freq()
    except (ImportError, TypeError):  # the unix port has none
        return 0
    return hz[0] if isinstance(hz, tuple) else hz


def _keys():
    if not may_have_keys():
        return []
    from .trust import fingerprints

    try:
        return fingerprints()
    except ValueError:  # damaged: nothing is let in
        return []


def _verifies():
    try:
        import _tinyml_ed25519  # noqa: F401
    except (ImportError, ValueError):
        return False
    return True
