"""What a device says it is: checked, made canonical, classified, and reduced to what the compiler must know."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ..errors import ServiceError
from ..planfmt import FORMAT_VERSION, OPERATORS, RUNTIME_VERSION, TARGETS
from ..target import Board, load_boards

KIB = 1024
UNLIMITED = 1 << 40  # where a board's description has no figure, since it has no meaning there
RUNTIME_BYTES = (
    40 * KIB
)  # heap that _tinyml as a native module (up to 28 KiB) and tinyml's bytecode take on stock firmware
CLASS_TOLERANCE = 0.8  # the RFC's sizes are "about": a device within 20 % of a class's size is of that class

# RFC 7228 and its revision draft: class, RAM and flash in KiB. C0 is what lies below C1.
CLASSES = (("C1", 10, 100), ("C2", 50, 250), ("C3", 100, 500), ("C4", 300, 1000))
ABOVE_C4 = (1000, 2000)

_Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]*$", max_length=32)]
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=128)]
_Size = Annotated[int, Field(ge=0, le=1 << 40)]
_Version = Annotated[int, Field(ge=0, le=65535)]
_Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Capabilities(BaseModel):
    """The JSON object of the device protocol; sizes in bytes, clock in hertz. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[1]
    board: _Text
    board_id: _Word = ""
    port: _Word
    micropython: _Word
    mpy: Annotated[int, Field(ge=0, le=1 << 31)] = 0
    arch: _Word = ""
    kernel_target: _Word
    runtime_version: _Version
    format_version: _Version
    tinyml: _Word
    operators: Annotated[list[_Word], Field(max_length=255)] | None = None
    clock_hz: Annotated[int, Field(ge=0, le=1 << 36)] = 0
    heap_free: _Size
    heap_block: _Size
    flash_free: _Size
    romfs_free: _Size = 0
    ram: _Size | None = None
    verifies: bool = False
    keys: Annotated[list[_Fingerprint], Field(max_length=4)] = []
    link: Literal["http", "gateway"] = "http"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a module is compiled for. As text: ``m0plus/f1/r1/*``, or the operators as bits of their codes in hex."""

    kernel_target: str
    format_version: int
    runtime_version: int
    operators: frozenset[str] | None  # None: all

    def __str__(self) -> str:
        bits = "*" if self.operators is None else f"{sum(1 << OPERATORS[name][0] for name in self.operators):x}"
        return f"{self.kernel_target}/f{self.format_version}/r{self.runtime_version}/{bits}"


def parse_profile(text: str) -> Profile:
    """The profile that ``str`` gave; operator codes that this version does not know are left out."""
    target, version, runtime, bits = text.split("/")
    names = None if bits == "*" else frozenset(n for n, (code, *_) in OPERATORS.items() if int(bits, 16) >> code & 1)
    return Profile(target, int(version[1:]), int(runtime[1:]), names)


def parse(data: Any) -> Capabilities:
    """Checked capabilities; ServiceError 422 that names the first field that is wrong."""
    try:
        return Capabilities.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:32] for part in first["loc"]) or "capabilities"
        raise ServiceError(422, f"capabilities: {where}: {first['msg']}", "update tinyml on the device") from error


def canonical(capabilities: Capabilities) -> dict[str, Any]:
    """Every field, lists sorted, heap sizes rounded down to 1 KiB: small changes do not make another set."""
    body = capabilities.model_dump()
    body["heap_free"] -= body["heap_free"] % KIB
    body["heap_block"] -= body["heap_block"] % KIB
    body["keys"] = sorted(set(body["keys"]))
    if body["operators"] is not None:
        body["operators"] = sorted(set(body["operators"]))
    return body


def digest(body: dict[str, Any]) -> str:
    """SHA-256, hex, of a canonical set."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def profile_of(capabilities: Capabilities) -> Profile:
    """What to compile for; a kernel target unknown here gets modules for ``any``, which run everywhere."""
    target = capabilities.kernel_target if capabilities.kernel_target in TARGETS else "any"
    named = capabilities.operators
    operators = None if named is None else frozenset(named) & frozenset(OPERATORS)
    return Profile(target, capabilities.format_version, capabilities.runtime_version, operators)


def board_of(capabilities: Capabilities) -> Board | None:
    """The board of boards/ that a device says it is, by id or by its folder's name, which firmware has built in."""
    return next((b for b in load_boards().values() if capabilities.board_id in (b.id, b.name)), None)


def rfc7228_class(capabilities: Capabilities) -> str:
    """Class by RAM and flash: as the board's description has them, else as far as the device says; "" when it says neither."""
    board = board_of(capabilities)
    ram = capabilities.ram or (board.ram_bytes if board else 0) or capabilities.heap_free
    flash = (board.flash_bytes if board else 0) or capabilities.flash_free + capabilities.romfs_free
    return classify(ram, flash)


def classify(ram: int, flash: int) -> str:
    """Class of so many bytes of RAM and flash: the highest whose both sizes are reached, within 20 %."""
    if not ram or not flash:
        return ""
    if ram > ABOVE_C4[0] * KIB / CLASS_TOLERANCE and flash > ABOVE_C4[1] * KIB / CLASS_TOLERANCE:
        return ">C4"
    reached = [n for n, r, f in CLASSES if min(ram / r, flash / f) >= CLASS_TOLERANCE * KIB]
    return reached[-1] if reached else "C0"


def of_board(board: Board) -> Capabilities:
    """What a board of boards/ would say once tinyml is loaded, for verdicts before there is a device."""
    heap = max(0, board.heap_bytes - (0 if board.has_firmware else RUNTIME_BYTES))
    return Capabilities(
        format=1,
        board=board.title,
        board_id=board.id,
        port=board.port,
        micropython="",
        arch=board.mpy_arch,
        kernel_target=board.kernel_target,
        runtime_version=RUNTIME_VERSION,
        format_version=FORMAT_VERSION,
        tinyml="",
        clock_hz=board.clock_hz,
        heap_free=heap,
        heap_block=heap,
        flash_free=board.filesystem_bytes if board.flash_bytes else UNLIMITED,
        romfs_free=board.romfs_bytes,
        ram=board.ram_bytes or None,
    )


def current_profile(kernel_target: str) -> Profile:
    """The profile of a device whose firmware is as new as this server, with all operators."""
    return Profile(kernel_target, FORMAT_VERSION, RUNTIME_VERSION, None)
