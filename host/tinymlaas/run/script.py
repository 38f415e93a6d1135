"""What runs on the device during ``tinymlaas run``: a few lines of MicroPython, sent as text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..errors import DeviceError

# `feed` puts bytes into the input; `go` runs once and prints the counter's ticks and the output bytes in hex.
_SETUP = """
import binascii, json
import tinyml, _tinyml
m = tinyml.Model({path!r})
{count}
def go():
    t = count()
    print(t, "".join(binascii.hexlify(o).decode() for o in m.outputs))
def facts():
    return json.dumps([_tinyml.target(), m.arena_bytes, m.module_bytes, m.weights_in_place])
print(facts())
"""

_COUNT_TICKS = """
def count():
    return m._native.run_counted({counter})
"""

_COUNT_TIME = """
import time
def count():
    t = time.ticks_us()
    m.run()
    return time.ticks_diff(time.ticks_us(), t)
"""

_FEED_MAPPED = """
import uctypes
_in = uctypes.bytearray_at(uctypes.addressof(m.inputs[0]), {size})
_all = memoryview(uctypes.bytearray_at({address}, {total}))
def feed(i):
    _in[:] = _all[i * {size}:(i + 1) * {size}]
"""

_FEED_FILE = """
import uctypes
_in = uctypes.bytearray_at(uctypes.addressof(m.inputs[0]), {size})
_file = open({path!r}, "rb")
def feed(i):
    _file.readinto(_in)
"""

_FEED_TEXT = """
import uctypes
_in = uctypes.bytearray_at(uctypes.addressof(m.inputs[0]), {size})
def put(at, text):
    data = binascii.a2b_base64(text)
    _in[at:at + len(data)] = data
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the device says of itself and of the loaded model; sizes in bytes."""

    target: str
    arena_bytes: int
    module_bytes: int
    weights_in_place: bool


def setup(path: str, counter: int | None) -> str:
    """Loads the module; prints facts.

    counter: address of a free-running counter, 0 for the core's own; None: microseconds by the clock.
    """
    count = _COUNT_TIME if counter is None else _COUNT_TICKS.format(counter=counter)
    return _SETUP.format(path=path, count=count)


def feed_mapped(address: int, size: int, count: int) -> str:
    """Inputs lie in mapped memory of an emulated board."""
    return _FEED_MAPPED.format(address=address, size=size, total=size * count)


def feed_file(path: str, size: int) -> str:
    """Inputs come from a file, one after the other."""
    return _FEED_FILE.format(path=path, size=size)


def feed_text(size: int) -> str:
    """Inputs come in pieces through the REPL: ``put(offset, base64)``."""
    return _FEED_TEXT.format(size=size)


def parse_facts(line: bytes) -> Facts:
    """Decode what ``setup`` printed."""
    try:
        values: list[Any] = json.loads(line)
        return Facts(*values)
    except (ValueError, TypeError) as error:
        raise DeviceError(f"unexpected answer from the board: {line[:200]!r}") from error


def parse_run(line: bytes) -> tuple[int, bytes]:
    """(counter ticks, output bytes) of one ``go()``."""
    try:
        ticks, text = line.split()
        return int(ticks), bytes.fromhex(text.decode())
    except ValueError as error:
        raise DeviceError(f"unexpected answer from the board: {line[:200]!r}") from error
