"""Operators of the format: code, record layout, and the runtime version that brought them."""

from .layout import Layout
from .records import RECORDS

# Operator → (code, record layout). Codes are never reused.
OPERATORS = {
    "CONV_2D": (1, "conv"),
    "DEPTHWISE_CONV_2D": (2, "conv"),
    "FULLY_CONNECTED": (3, "fully_connected"),
    "AVERAGE_POOL_2D": (4, "pool"),
    "MAX_POOL_2D": (5, "pool"),
    "ADD": (6, "add"),
    "SOFTMAX": (7, "softmax"),
    "PAD": (8, "pad"),
    "COPY": (9, "copy"),
    "LOOKUP": (10, "lookup"),
    "BINARY": (11, "binary"),
    "REDUCE": (12, "reduce"),
    "MOVE": (13, "move"),
    "GATHER": (14, "gather"),
    "QUANTIZE": (15, "quantize"),
    "SVDF": (16, "svdf"),
    "LSTM": (17, "lstm"),
    "RESIZE_BILINEAR": (18, "resize_bilinear"),
    "BATCH_MATMUL": (19, "batch_matmul"),
    "POOL_INT16": (20, "pool"),
    "SIGMOID_INT16": (21, "sigmoid_int16"),
    "SOFTMAX_INT16": (22, "softmax_int16"),
    "CONV_INT16": (23, "conv_int16"),
    "BINARY_INT16": (24, "binary"),
    "REDUCE_INT16": (25, "reduce"),
}
_RUNTIME_2 = 10  # the lowest code that came with runtime version 2

SELFTEST_SEED_BYTES = 4  # each vector: u32 seed, then the expected bytes of every output, then zeros to a multiple of 4


def operator_name(code: int) -> str:
    """Name of an operator code, or ``op<code>`` when there is none."""
    return next((name for name, (c, _) in OPERATORS.items() if c == code), f"op{code}")


def runtime_of(name: str, flags: int = 0) -> int:
    """Lowest runtime version that knows an operator, and its flags: the first knew none."""
    return 2 if flags or OPERATORS[name][0] >= _RUNTIME_2 else 1


def record_layout(name: str) -> Layout:
    """Record layout of an operator name."""
    return RECORDS[OPERATORS[name][1]]
