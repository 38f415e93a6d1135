"""Does a module fit a device? Before anything is sent: yes, or the number that is short and what to do about it.

Never a false yes, as far as the device's own figures hold: memory is counted as if the module and its arena had to lie in one block,
flash as if both were rounded up to whole blocks, and margins are added for what is allocated besides. A false no is possible on a heap of
several blocks. The device's figures are taken while its present model is loaded and stored, since that goes on serving during an update:
so what is new must find room beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from ..planfmt import TARGETS
from ..target import accepts
from .capabilities import Capabilities, board_of

OBJECTS_BYTES = (
    4 << 10
)  # Python objects of a tinyml.Model (3 KiB are tested), in the worst case cut from the largest block
UPDATE_BYTES = 4 << 10  # buffers and JSON of an update while it runs
FLASH_BLOCK = 4 << 10  # littlefs and FAT of the usual boards allocate so much at once; also the alignment of a ROMFS
FLASH_SPARE = 2 * FLASH_BLOCK  # directory entries, and the device's notes on the update
SIGNATURE_BYTES = 168 + 3  # and zeros before it up to a multiple of 4

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """fits: yes or no. short: how many bytes are missing where bytes are, else 0. reason, remedy: words for people, empty for a yes.

    placement: ``romfs`` (weights stay in flash) or ``ram``. time_us, basis: predicted time of an inference where there is a basis.
    """

    fits: bool
    reason: str = ""
    remedy: str = ""
    short: int = 0
    placement: str = ""
    time_us: int | None = None
    basis: str = ""

    def as_json(self) -> dict[str, Any]:
        """For answers of the API."""
        return asdict(self)


def verdict(capabilities: Capabilities, facts: Facts) -> Verdict:
    """Whether a device takes a module, by ``Build.facts`` of the module (compiled for the device's profile)."""
    wrong = _compatible(capabilities, facts)
    if wrong:
        return Verdict(False, *wrong)
    placement = "romfs" if capabilities.romfs_free >= file_bytes(facts) else "ram"
    short = _flash(capabilities, facts, placement) or _memory(capabilities, facts, placement)
    if short:
        return Verdict(False, *short, placement=placement)
    return Verdict(True, placement=placement, **_predicted(capabilities, facts))


def file_bytes(facts: Facts) -> int:
    """What the signed module takes in flash, whole blocks."""
    size = int(facts["module_bytes"]) + SIGNATURE_BYTES
    return -(-size // FLASH_BLOCK) * FLASH_BLOCK


def heap_bytes(facts: Facts, placement: str) -> tuple[int, int]:
    """(Largest block, all of the heap) that loading a module takes, margins included."""
    module = int(facts["module_bytes"]) + SIGNATURE_BYTES if placement == "ram" else 0
    block = int(facts["arena_bytes"]) + module + OBJECTS_BYTES
    return block, block + UPDATE_BYTES


def _compatible(c: Capabilities, facts: Facts) -> tuple[str, str] | None:
    if c.format_version != facts["format_version"]:
        numbers = f"the module has format {facts['format_version']}, the device reads {c.format_version}"
        return numbers, "update tinyml and _tinyml on the device: tinymlaas deploy"
    if c.runtime_version < facts["min_runtime"]:
        numbers = f"the module needs runtime {facts['min_runtime']}, the device has {c.runtime_version}"
        return numbers, "update _tinyml on the device: tinymlaas deploy"
    target = c.kernel_target if c.kernel_target in TARGETS else "any"
    if not accepts(target, facts["target"]):
        return f"the module is made for {facts['target']}, the device runs {target}", "have it built for its profile"
    missing = sorted(set(facts["operators"]) - set(facts["operators"] if c.operators is None else c.operators))
    if missing:
        return f"the device's _tinyml lacks {', '.join(missing)}", "install a _tinyml with all operators: make natmod"
    return _trusted(c, facts)


def _trusted(c: Capabilities, facts: Facts) -> tuple[str, str] | None:
    key = facts.get("release_key")
    if not key or not c.keys or fingerprint(key) in c.keys:
        return None
    known = ", ".join(c.keys)
    return (
        f"the module is signed under release key {fingerprint(key)}, the device trusts {known}",
        "sign with a key that it trusts, or give it this one: tinymlaas keys install",
    )


def fingerprint(public_key: str) -> str:
    """The first 16 hex digits of the SHA-256 of a public key given in hex, as devices report it."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:16]


def _flash(c: Capabilities, facts: Facts, placement: str) -> tuple[str, str, int] | None:
    """Room for the new file beside the old one."""
    needed = file_bytes(facts) + FLASH_SPARE
    if placement == "romfs" or c.flash_free >= needed:
        return None
    short = needed - c.flash_free
    reason = f"{_n(short)} B of flash are short: {_n(needed)} B are needed beside the present module, {_n(c.flash_free)} B are free"
    return reason, "delete files on the device, or use a smaller model", short


def _memory(c: Capabilities, facts: Facts, placement: str) -> tuple[str, str, int] | None:
    block, heap = heap_bytes(facts, placement)
    short, what, free = max(
        (block - c.heap_block, "in one block of heap", c.heap_block), (heap - c.heap_free, "of heap", c.heap_free)
    )
    if short <= 0:
        return None
    arena, module = int(facts["arena_bytes"]), int(facts["module_bytes"])
    parts = f"arena {_n(arena)}" + (f", module {_n(module)}" if placement == "ram" else "")
    margin = (block if "block" in what else heap) - arena - (module if placement == "ram" else 0)
    needed = free + short
    reason = f"{_n(short)} B {what} are short: {_n(needed)} B are needed ({parts}, margin {_n(margin)}), {_n(free)} B are free"
    return reason, _remedy(c, facts, placement), short


def _remedy(c: Capabilities, facts: Facts, placement: str) -> str:
    """Weights in flash, when that would be enough; else a smaller model."""
    block, heap = heap_bytes(facts, "romfs")
    if placement == "ram" and c.heap_block >= block and c.heap_free >= heap:
        need = _n(file_bytes(facts))
        return f"use firmware with a ROMFS of {need} B free, where the weights stay in flash, or use a smaller model"
    return "use a model with smaller images or fewer channels in its largest layer (tinymlaas inspect shows it)"


def _predicted(c: Capabilities, facts: Facts) -> dict[str, Any]:
    """Time of an inference on the board it says it is, at the clock it says it has."""
    board = board_of(c)
    known = facts.get("predicted", {}).get(board.id if board else "", {})
    if not board or not known.get("time_us"):
        return {}
    ratio = board.clock_hz / c.clock_hz if c.clock_hz else 1.0
    at = "" if ratio == 1.0 else f"; the device runs at {c.clock_hz / 1e6:g} MHz"
    return {"time_us": round(known["time_us"] * ratio), "basis": known["basis"] + at}


def _n(value: int) -> str:
    return f"{value:,}".replace(",", " ")
