"""``python -m tinymlaas.bench_senses``: what the speech front-end, wake words and the image helper take; printed for docs/PERFORMANCE.md.

A counter is read in Python before and after a call, and a call that does nothing is taken off. Exact cycles on the emulated Pico,
executed instructions on QEMU; averages of several calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from . import bench_words
from .bench import markdown_table
from .device.pico import CYCLE_COUNTER_ADDRESS, EmulatedPico
from .device.qemu import QemuBoard
from .device.transport import Device
from .report import thousands
from .target import Board, board_by_name
from .toolchain.firmware import Firmware, build_firmware
from .toolchain.natmod import build_part

BOARDS = ("pico", "qemu-m3", "qemu-m4", "qemu-rv32")
FORMATS = ("gray", "rgb565be", "rgb888")
METHODS = ("nearest", "area", "bilinear")
WIDTH, HEIGHT = 160, 120

_TICKS = """
import gc, machine
frame = bytearray(3 * {width} * {height})  # early, while memory is in one piece
for i in range(len(frame)):
    frame[i] = i * 7 & 255
def ticks(call, nothing):
    gc.collect()
    t0 = machine.mem32[{counter}]
    nothing()
    t1 = machine.mem32[{counter}]
    call()
    t2 = machine.mem32[{counter}]
    return ((t2 - t1) & 0xffffffff) - ((t1 - t0) & 0xffffffff)
"""
_AUDIO = """
from tinyml.audio import Features
f = Features()
sound = {sound!r}
none = sound[:0]
f.step(memoryview(sound)[:640])
blocks = [memoryview(sound)[i : i + 320] for i in range(640, len(sound), 320)]
print(sum([ticks(lambda: f.step(b), lambda: f.step(none)) for b in blocks]) / len(blocks))
"""
_IMAGE = """
from tinyml.image import Fit
class Eye:
    input_shape, input_dtype, input_scale, input_zero_point = ((1, 96, 96, {channels}),), ('int8',), (1 / 255,), (-128,)
    inputs = (bytearray(96 * 96 * {channels}),)
fit = Fit(Eye, {width}, {height}, {format!r}, method={method!r})
print(ticks(lambda: fit.put(frame), lambda: None))
"""


@contextmanager
def _running(board: Board, firmware: Firmware) -> Iterator[tuple[Device, float]]:
    """The board and its ticks' worth in cycles or instructions."""
    if board.transport == "emulator":
        with EmulatedPico(firmware.image) as pico:
            pico.exec(_TICKS.format(counter=CYCLE_COUNTER_ADDRESS, width=WIDTH, height=HEIGHT))
            yield pico, 1.0
        return
    qemu = board.extra["qemu"]
    with QemuBoard(board, firmware.image) as machine:
        machine.exec(_TICKS.format(counter=int(qemu["counter_address"]), width=WIDTH, height=HEIGHT))
        yield machine, float(qemu["instructions_per_tick"])


def _sound() -> bytes:
    """A quarter of a second of noise that swells."""
    t = np.arange(4_000)
    return (
        (np.random.default_rng(1).standard_normal(len(t)) * 10 * 1.002**t).clip(-32768, 32767).astype("<i2").tobytes()
    )


def _ticks(device: Device, code: str) -> float:
    return float(ast.literal_eval(device.exec(code, 600).decode().strip().splitlines()[-1]))


def _audio_row(device: Device, worth: float, board: Board, firmware: Firmware) -> list[str]:
    count = round(_ticks(device, _AUDIO.format(sound=_sound())) * worth)
    natmod = build_part(board.mpy_arch, "_tinyml_audio").mpy_bytes
    return [f"`{board.id}`", thousands(count), thousands(firmware.parts_flash_bytes["audio"]), thousands(natmod)]


def _image_rows(device: Device, worth: float, board: Board) -> Iterator[list[str]]:
    for format in FORMATS:
        channels = 1 if format == "gray" else 3
        sizes = {"width": WIDTH, "height": HEIGHT, "channels": channels}
        codes = [_IMAGE.format(format=format, method=method, **sizes) for method in METHODS]
        counts = [thousands(round(_ticks(device, code) * worth)) for code in codes]
        yield [f"`{board.id}`, `{format}` → 96x96x{channels}", *counts]


def main() -> None:
    """Prints the tables."""
    audio: list[list[str]] = []
    image: list[list[str]] = []
    for name in BOARDS:
        board = board_by_name(name)
        firmware = build_firmware(board)
        with _running(board, firmware) as (device, worth):
            audio.append(_audio_row(device, worth, board, firmware))
            image += _image_rows(device, worth, board)
    head = ("board", "cycles or instructions per frame", "flash B", "native module B")
    print(markdown_table("Speech front-end", head, audio) + "\n")
    print(markdown_table(f"Frames of {WIDTH}x{HEIGHT} into a model", ("board, frame", *METHODS), image) + "\n")
    print(bench_words.table())


if __name__ == "__main__":
    main()
