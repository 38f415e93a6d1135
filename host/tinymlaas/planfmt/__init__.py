"""The inference module format: the one source of every number in it.

From these tables come ``native_module/tml_format.h`` and the tables of ``docs/MODULE_FORMAT.md``
(``python -m tinymlaas.planfmt``; a test fails when either is out of date), and ``pack``/``unpack``
encode and decode with them.
"""

from .layout import Field, Layout
from .numbers import (
    ALIGN,
    BINARY_FUNCTIONS,
    DTYPE_BYTES,
    DTYPES,
    FORMAT_VERSION,
    MAGIC,
    MAX_MODULE_BYTES,
    MAX_RANK,
    RECORD_BYTES,
    REDUCE_FUNCTIONS,
    RUNTIME_VERSION,
    STATEFUL,
    TARGETS,
    VARIANTS,
)
from .operators import OPERATORS, SELFTEST_SEED_BYTES, operator_name, record_layout, runtime_of
from .records import RECORDS
from .sections import CHANNEL, HEADER, SCALE, SIGNATURE, SIGNED_MODULE, SIGNED_SIGNER, TENSOR, WIDE_CHANNEL

__all__ = [
    "ALIGN",
    "BINARY_FUNCTIONS",
    "CHANNEL",
    "DTYPES",
    "DTYPE_BYTES",
    "FORMAT_VERSION",
    "HEADER",
    "MAGIC",
    "MAX_MODULE_BYTES",
    "MAX_RANK",
    "OPERATORS",
    "RECORDS",
    "RECORD_BYTES",
    "REDUCE_FUNCTIONS",
    "RUNTIME_VERSION",
    "SCALE",
    "SELFTEST_SEED_BYTES",
    "SIGNATURE",
    "SIGNED_MODULE",
    "SIGNED_SIGNER",
    "STATEFUL",
    "TARGETS",
    "TENSOR",
    "VARIANTS",
    "WIDE_CHANNEL",
    "Field",
    "Layout",
    "operator_name",
    "record_layout",
    "runtime_of",
]
