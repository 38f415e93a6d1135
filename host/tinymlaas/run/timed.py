"""Profiles by the clock: inferences are repeated, and each layer's smallest time counts, until none gets smaller any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ..ctypes_host import NativeLibrary, NativeModel
from ..target import Board
from ..toolchain.hostlib import build_hostlib
from ..unpack import Module
from .profile import Profile, input_bytes

_PATIENCE = 100  # rounds without a change
_CHANGE = 0.01  # of the sum, that counts as one
_LIMIT_S = 5.0
_HOW = "smallest of repeated runs by this computer's clock; says nothing about a microcontroller"


def profile_host(board: Board, module: Module) -> Profile:
    """The C core through ctypes, layer by layer; what a call from Python takes is subtracted."""
    model = NativeLibrary(build_hostlib(board.kernel_target)).load(module.data)
    data = np.frombuffer(input_bytes(module), np.uint8)
    count = len(module.records)

    def one_round() -> list[int]:
        _fill(model, data)
        layers = [model.time_record(i) for i in range(count)]
        _fill(model, data)
        return [*layers, model.time_run(), model.time_nothing()]

    *layers, whole, nothing = (ns / 1000 for ns in smallest(one_round))
    times = tuple(max(us - nothing, 0.001) for us in layers)
    return Profile(board.id, board.kernel_target, "microseconds", times, whole - nothing, _HOW)


def smallest(one_round: Callable[[], Sequence[float]]) -> list[float]:
    """The smallest of each figure over as many rounds as it takes for their sum to settle, or until time is up."""
    best, since, end = list(one_round()), 0, time.monotonic() + _LIMIT_S
    while since < _PATIENCE and time.monotonic() < end:
        before = sum(best)
        best = [min(a, b) for a, b in zip(best, one_round(), strict=True)]
        since = 0 if sum(best) < (1 - _CHANGE) * before else since + 1
    return best


def _fill(model: NativeModel, data: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
    at = 0
    for view in model.inputs:
        view.reshape(-1).view(np.uint8)[:] = data[at : at + view.nbytes]
        at += view.nbytes
