"""The audio front-end's constants: the one source of every table in ``native_module/audio/tables.c``.

``python -m tinymlaas.audiotables`` writes that file; a test fails when it is out of date. The definitions are those of the
front-end that micro_speech and microWakeWord were trained on: Hann window, 512-point FFT, mel filterbank, PCAN (Wang et al.,
"Trainable Frontend For Robust and Far-Field Keyword Spotting", 2016), logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 480
UNEVEN_SAMPLE = 462  # its weight is 1 less than that of its mirror image, sample 17
FFT_POINTS = 512
CHANNELS = 40
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
WEIGHT_ONE = 1 << 12  # of window and filterbank
PCAN_STRENGTH, PCAN_OFFSET = 0.95, 80.0
PCAN_GAIN_BITS, PCAN_INPUT_BITS = 21, 7
LOG_SEGMENTS = 128
BIN_HZ = SAMPLE_RATE_HZ / FFT_POINTS
FIRST_BIN = int(1.5 + LOWEST_HZ / BIN_HZ)  # of those that count

SOURCE = Path(__file__).resolve().parents[2] / "native_module" / "audio" / "tables.c"


def window() -> list[int]:
    """Rising half of the Hann window, at sample centres, in units of 1/4096; the falling half mirrors it, but for UNEVEN_SAMPLE."""
    return _whole_window()[: WINDOW_SAMPLES // 2]


def _whole_window() -> list[int]:
    """With a cosine in single precision, as in training."""
    phases = (np.float32(2 * math.pi / WINDOW_SAMPLES) * np.float32(i + 0.5) for i in range(WINDOW_SAMPLES))
    cosines = (np.float32(math.cos(phase)) for phase in phases)
    half = np.float32(0.5)
    return [math.floor((half - half * c) * np.float32(WEIGHT_ONE) + half) for c in cosines]


def _check_mirror() -> None:
    """In the falling half, 17.5 samples from its end, rounding goes the other way; nowhere else."""
    whole = _whole_window()
    uneven = [(i, a - b) for i, (a, b) in enumerate(zip(whole, reversed(whole), strict=True)) if a < b]
    assert uneven == [(UNEVEN_SAMPLE, -1)]


def cosine() -> list[int]:
    """A quarter wave, both ends included, in units of 1/32767."""
    quarter = FFT_POINTS // 4
    return [math.floor(0.5 + 32767 * math.cos(2 * math.pi * i / FFT_POINTS)) for i in range(quarter + 1)]


def _mel(hertz: float) -> np.float32:
    return np.float32(np.float32(1127.0) * np.log1p(np.float32(hertz) / np.float32(700.0)))


def _centres() -> list[np.float32]:
    """Mel frequencies where one region ends and the next begins, from the first channel's peak to the upper limit."""
    low = _mel(LOWEST_HZ)
    spacing = (_mel(HIGHEST_HZ) - low) / np.float32(CHANNELS + 1)
    return [low + spacing * np.float32(i + 1) for i in range(CHANNELS + 1)]


def filterbank() -> list[list[int]]:
    """Weight of each FFT bin, from the first that counts on, for the channel below it, in units of 1/4096.

    There are 41 regions: region i lies between the peaks of channels i - 1 and i. What a weight lacks to 1 counts for channel i.
    """
    edges = [_mel(LOWEST_HZ), *_centres()]
    regions, at = [], FIRST_BIN
    for low, high in pairwise(edges):
        weights = []
        while _mel(at * BIN_HZ) <= high:
            share = float((high - _mel(at * BIN_HZ)) / (high - low))
            weights.append(math.floor(share * WEIGHT_ONE + 0.5))
            at += 1
        regions.append(weights)
    return regions


def _pcan_gain(noise: int) -> int:
    """Gain for a noise estimate in units of 1/128, saturated to 15 bits."""
    level = np.float32(noise) / np.float32(1 << PCAN_INPUT_BITS)
    power = np.power(level + np.float32(PCAN_OFFSET), np.float32(-PCAN_STRENGTH), dtype=np.float32)
    gain = np.float32(1 << PCAN_GAIN_BITS) * power
    return 0x7FFF if gain > 0x7FFF else int(gain + np.float32(0.5))


def pcan() -> list[int]:
    """Gains at 0 and 1, then for each power of two from 2 to 2^31 the three coefficients of a parabola up to the next."""
    table = [_pcan_gain(0), _pcan_gain(1)]
    for bits in range(2, 33):
        low = 1 << (bits - 1)
        y0, y1, y2 = (_pcan_gain(x) for x in (low, low + low // 2, min(2 * low, 0xFFFFFFFF)))
        slope = 4 * (y1 - y0) - (y2 - y0)
        table += [y0, slope, (y2 - y0) - slope]
    return table


def logarithm() -> list[int]:
    """log2(1 + x) - x in units of 1/65536, at 129 points from 0 to 1."""
    points = (i / LOG_SEGMENTS for i in range(LOG_SEGMENTS + 1))
    return [math.floor(65536 * (math.log2(1 + x) - x) + 0.5) for x in points]


def _check_sums(regions: Sequence[Sequence[int]]) -> None:
    """The C code sums weights times 16 bits in 32 bits."""
    fall = [sum(weights) for weights in regions]
    rise = [sum(WEIGHT_ONE - w for w in weights) for weights in regions]
    assert max(r + f for r, f in zip(rise, fall[1:], strict=False)) * 65535 < 1 << 32


def _summary(function: Callable[[], object]) -> str:
    return (function.__doc__ or "").split("\n")[0]


def _array(ctype: str, name: str, comment: str, values: Sequence[int]) -> str:
    rows = [values[i : i + 16] for i in range(0, len(values), 16)]
    body = "\n".join("    " + " ".join(f"{v}," for v in row) for row in rows)
    return f"// {comment}\nconst {ctype} tml_audio_{name}[{len(values)}] = {{\n{body}\n}};\n"


def source() -> str:
    """Text of tables.c."""
    regions = filterbank()
    _check_sums(regions)
    _check_mirror()
    return "\n".join(
        [
            "// Generated by `python -m tinymlaas.audiotables`, which explains the tables: do not edit.",
            '#include "tables.h"\n',
            _array("int16_t", "window", _summary(window), window()),
            _array("int16_t", "cosine", _summary(cosine), cosine()),
            _array("uint8_t", "region_bins", "FFT bins of each region between two peaks.", [len(w) for w in regions]),
            _array("uint16_t", "bin_weight", _summary(filterbank), [w for weights in regions for w in weights]),
            _array("int16_t", "pcan_gain", _summary(pcan), pcan()),
            _array("int16_t", "log_bend", _summary(logarithm), logarithm()),
        ]
    )


def main() -> None:
    """Writes the file."""
    SOURCE.write_text(source())


if __name__ == "__main__":
    main()
