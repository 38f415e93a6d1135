"""Versions, limits, and the numbers that fields hold for names."""

MAGIC = b"TML\x1a"
FORMAT_VERSION = 1
RUNTIME_VERSION = 2
ALIGN = 16  # of the module in memory, of every constant in it, and of every tensor in the arena
RECORD_BYTES = 64
MAX_RANK = 6
STATEFUL = 1  # flag of the header
MAX_MODULE_BYTES = 1 << 28  # keeps every 32-bit sum of an offset and a size far from overflow

# Kernel targets: who may run a module. `any` modules use the plain layouts and run everywhere.
TARGETS = {"any": 0, "m0plus": 1, "m3": 2, "m4": 3, "rv32": 4, "x64": 5}

# Kernel variants: which constant layout a record uses. A build has some of them for some operators; every build has `plain`.
VARIANTS = {"plain": 0, "swar": 1, "dsp": 2, "tile": 3, "linear": 4}

# What a `binary` or `reduce` record computes.
BINARY_FUNCTIONS = {
    "ADD": 0, "SUB": 1, "MUL": 2, "MINIMUM": 3, "MAXIMUM": 4, "SQUARED_DIFFERENCE": 5, "PRELU": 6, "DIV": 7,
    "EQUAL": 8, "NOT_EQUAL": 9, "LESS": 10, "LESS_EQUAL": 11, "SELECT": 12,
}  # fmt: skip
REDUCE_FUNCTIONS = {"SUM": 0, "MAX": 1, "MIN": 2, "ARG_MAX": 3, "ARG_MIN": 4}  # odd ones look for the largest

DTYPES = {"int8": 1, "uint8": 2, "int16": 3, "int32": 4, "float32": 5, "bool": 6}
DTYPE_BYTES = {"int8": 1, "uint8": 1, "int16": 2, "int32": 4, "float32": 4, "bool": 1}
