# Time per layer. Imported by Model.profile() alone, so that other apps do not pay for it.

import struct
import sys
import time

_OPERATORS = (  # by their codes
    "?",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "ADD",
    "SOFTMAX",
    "PAD",
    "COPY",
    "LOOKUP",
    "BINARY",
    "REDUCE",
    "MOVE",
    "GATHER",
    "QUANTIZE",
    "SVDF",
    "LSTM",
    "RESIZE_BILINEAR",
    "BATCH_MATMUL",
    "POOL_INT16",
    "SIGMOID_INT16",
    "SOFTMAX_INT16",
    "CONV_INT16",
    "BINARY_INT16",
    "REDUCE_INT16",
)
_RECORD_BYTES = 64
_ENOUGH = 200  # ticks of the shortest layer: then one tick is half a percent
_LONGEST_US = 500_000
_BAR = 20


class Profile(list):
    """(operator, time) of each layer in order of execution; unit, total, runs (that were averaged). Prints as a table."""

    def __init__(self, rows, unit, runs):
        super().__init__(rows)
        self.unit, self.runs = unit, runs

    @property
    def total(self):
        """Sum over the layers."""
        return sum(t for _, t in self)

    def __str__(self):  # of its own: else print() would take that of a list
        longest = max(t for _, t in self) or 1
        scale, unit = (1000, "ms") if self.unit == "us" and longest >= 1000 else (1, self.unit)
        lines = [_line(str(i), name, t / scale, unit, t / longest) for i, (name, t) in enumerate(self)]
        lines.append(_line("", "total", self.total / scale, unit, 0))
        return "\n".join(lines)

    __repr__ = __str__


def _line(index, name, value, unit, share):
    digits = 0 if value >= 10_000 or unit == "cycles" else 2
    return "%2s %-18s" % (index, name) + "%11.*f %s  " % (digits, value, unit) + "\u2588" * int(_BAR * share + 0.5)


def profile(native, buffer, clock, unit):
    """Runs until the shortest layer is measured well. clock: an address, a function, or None for the best there is."""
    per_tick = 1
    if clock is None:
        clock, per_tick = _best_clock()
    began = time.ticks_us()
    sums, runs = list(native.profile(clock)), 1
    while min(sums) < _ENOUGH and time.ticks_diff(time.ticks_us(), began) < _LONGEST_US:
        sums = [a + b for a, b in zip(sums, native.profile(clock))]
        runs += 1
    return Profile(zip(_names(buffer, len(sums)), [s * per_tick / runs for s in sums]), unit, runs)


def _names(buffer, n):
    first = struct.unpack_from("<I", buffer, 36)[0]
    codes = [struct.unpack_from("B", buffer, first + _RECORD_BYTES * i)[0] for i in range(n)]
    return [_OPERATORS[c] if c < len(_OPERATORS) else _OPERATORS[0] for c in codes]


def _best_clock():
    # Returns the clock and microseconds per tick: a timer that C can read by itself, else the core's cycles where ticks_cpu()
    # counts them, else ticks_us().
    if sys.platform == "rp2":
        return (0x400B0028 if "RP2350" in sys.implementation._machine else 0x40054028), 1  # TIMERAWL
    if sys.platform in ("esp32", "mimxrt", "pyboard") and time.ticks_cpu() != time.ticks_cpu():
        import machine

        hz = machine.freq()
        return time.ticks_cpu, 1_000_000 / (hz[0] if isinstance(hz, tuple) else hz)
    return time.ticks_us, 1
