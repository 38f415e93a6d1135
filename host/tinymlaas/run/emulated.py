"""Emulated boards: the module lies in a ROMFS image in their flash, the inputs in memory beside it."""

from __future__ import annotations

from collections.abc import Callable

from ..device.pico import CYCLE_COUNTER_ADDRESS, FLASH_BYTES, XIP_BASE, EmulatedPico
from ..device.qemu import QemuBoard
from ..graph import Array
from ..romfs import build
from ..target import Board
from ..toolchain.firmware import Firmware, build_firmware
from ..unpack import Module
from .result import Progress, Result, device_result
from .session import Answers, feed_mapped, run_session

_NAME = "model.tml"


def run_pico(board: Board, module: Module, inputs: Array, reset_each: bool, progress: Progress) -> Result:
    """The emulated Raspberry Pi Pico: exact cycles of a Cortex-M0+ without flash wait states."""
    firmware = build_firmware(board)
    with EmulatedPico(
        firmware.image, romfs=build({_NAME: module.data}), blobs={FLASH_BYTES: inputs.tobytes()}
    ) as device:
        answers = run_session(
            device,
            f"/rom/{_NAME}",
            CYCLE_COUNTER_ADDRESS,
            inputs,
            feed_mapped(XIP_BASE + FLASH_BYTES, inputs),
            reset_each=reset_each,
            progress=progress,
        )
    return _result(board, firmware, module, answers, "cycles", lambda ticks: ticks)


def run_qemu(board: Board, module: Module, inputs: Array, reset_each: bool, progress: Progress) -> Result:
    """A QEMU machine with real firmware: exact counts of executed instructions."""
    firmware, qemu = build_firmware(board), board.extra["qemu"]
    blob = int(qemu["blob_address"])
    with QemuBoard(board, firmware.image, romfs=build({_NAME: module.data}), blobs={blob: inputs.tobytes()}) as device:
        answers = run_session(
            device,
            f"/rom/{_NAME}",
            int(qemu["counter_address"]),
            inputs,
            feed_mapped(blob, inputs),
            reset_each=reset_each,
            progress=progress,
        )
    ratio = float(qemu["instructions_per_tick"])
    return _result(board, firmware, module, answers, "instructions", lambda ticks: round(ticks * ratio))


def _result(
    board: Board, firmware: Firmware, module: Module, answers: Answers, unit: str, counts: Callable[[int], int]
) -> Result:
    ticks = tuple(counts(t) for t in answers.ticks)
    return device_result(board.id, module, answers.facts, answers.rows, firmware.runtime_flash_bytes, ticks, unit)
