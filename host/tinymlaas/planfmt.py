"""The inference module format: the one source of every number in it.

From these tables come ``native_module/tml_format.h`` and the tables of ``docs/MODULE_FORMAT.md``
(``python -m tinymlaas.planfmt``; a test fails when either is out of date), and ``pack``/``unpack``
encode and decode with them. All fields are little-endian and naturally aligned.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

_CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i"}
_CTYPES = {
    "u8": "uint8_t",
    "i8": "int8_t",
    "u16": "uint16_t",
    "i16": "int16_t",
    "u32": "uint32_t",
    "i32": "int32_t",
}
_SIZES = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct: C name, type code, what it means, and how many of them (an array when > 1)."""

    name: str
    type: str
    doc: str
    count: int = 1

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return _SIZES[self.type] * self.count


@dataclass(frozen=True, slots=True)
class Layout:
    """A packed little-endian struct of the module file."""

    name: str
    doc: str
    fields: tuple[Field, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(f.nbytes for f in self.fields)

    def offsets(self) -> list[int]:
        """Byte offset of each field."""
        out, at = [], 0
        for f in self.fields:
            out.append(at)
            at += f.nbytes
        return out

    def pack(self, values: dict[str, Any]) -> bytes:
        """Encode; a field that is not given is zero. Raises ``struct.error`` when a value does not fit."""
        unknown = set(values) - {f.name for f in self.fields}
        if unknown:
            raise KeyError(f"{self.name} has no field {sorted(unknown)}")
        return b"".join(_pack_field(f, values.get(f.name, 0)) for f in self.fields)

    def unpack(self, data: bytes, offset: int = 0) -> dict[str, Any]:
        """Decode the struct at a byte offset of ``data``."""
        out: dict[str, Any] = {}
        for f, at in zip(self.fields, self.offsets(), strict=True):
            values = struct.unpack_from(f"<{f.count}{_CODES[f.type]}", data, offset + at)
            out[f.name] = values[0] if f.count == 1 else values
        return out


def _pack_field(field: Field, value: Any) -> bytes:
    values = [value] if field.count == 1 else list(value or [])
    values += [0] * (field.count - len(values))
    return struct.pack(f"<{field.count}{_CODES[field.type]}", *values)


HEADER = Layout(
    "header",
    "Starts the file. Offsets count from the start of the file; sections follow in the order of their offsets.",
    (
        Field("magic", "u8", "the bytes 54 4D 4C 1A ('TML', SUB)", 4),
        Field("format_version", "u16", "version of this format; a reader refuses any other"),
        Field("min_runtime", "u16", "lowest runtime version that knows every operator used"),
        Field("file_bytes", "u32", "size of the whole file"),
        Field("target", "u16", "kernel target whose constant layouts are used"),
        Field("flags", "u16", "bit 0: the model keeps state between runs"),
        Field("arena_bytes", "u32", "RAM for activations and scratch, multiple of 16"),
        Field("scratch_bytes", "u32", "largest scratch of one operator; part of arena_bytes"),
        Field("n_inputs", "u8", "number of input tensors"),
        Field("n_outputs", "u8", "number of output tensors"),
        Field("n_selftests", "u8", "number of self-test vectors"),
        Field(
            "n_init",
            "u8",
            "how many of the operator records come first, to be run once: they put the state at its beginning",
        ),
        Field("n_records", "u16", "number of operator records"),
        Field("state_blocks", "u16", "state between runs at the start of the arena, in 16 bytes"),
        Field("tensors_offset", "u32", "inputs then outputs, one `tensor` each"),
        Field(
            "records_offset", "u32", "operator records, 64 bytes each, in order of execution, those of `n_init` first"
        ),
        Field("constants_offset", "u32", "weights and per-channel parameters, multiple of 16"),
        Field("constants_bytes", "u32", "size of the constants"),
        Field("selftests_offset", "u32", "self-test vectors"),
        Field("selftests_bytes", "u32", "size of the self-test vectors"),
        Field("metadata_offset", "u32", "JSON text, UTF-8: labels, tensor and layer names, provenance"),
        Field("metadata_bytes", "u32", "size of the metadata"),
        Field("signature_offset", "u32", "the `signature` that ends a signed file, multiple of 4; 0 = unsigned"),
        Field("min_version", "u32", "release counter of a signed module, from 1, against going back; 0 = unsigned"),
        Field(
            "payload_sha256", "u8", "SHA-256 of all bytes from the end of the header to the signature or the end", 32
        ),
    ),
)

TENSOR = Layout(
    "tensor",
    "An input or output of the model.",
    (
        Field("offset", "u32", "where it lies in the arena, multiple of 16"),
        Field("bytes", "u32", "its size: product of the shape times the size of the dtype"),
        Field("dtype", "u8", "1 int8, 2 uint8, 3 int16, 4 int32, 5 float32, 6 bool"),
        Field("rank", "u8", "how many entries of shape are used, 0 to 6"),
        Field("reserved", "u16", "zero"),
        Field("zero_point", "i32", "real = scale * (q - zero_point)"),
        Field("scale", "u32", "bits of a float32; 0 = not quantised"),
        Field("shape", "u32", "dimensions, outermost first", MAX_RANK),
    ),
)

CHANNEL = Layout(
    "channel",
    "Per output channel of a convolution or fully-connected operator, in one stream.",
    (
        Field("bias", "i32", "bias minus input zero point times the sum of the channel's weights (mod 2^32)"),
        Field("multiplier", "i32", "Q31 mantissa of input scale * weight scale / output scale; 0 or 2^30 to 2^31-1"),
        Field("shift", "i32", "exponent of the same, -31 to 30; positive shifts left"),
    ),
)

WIDE_CHANNEL = Layout(
    "wide_channel",
    "Per output channel of a CONV_INT16, in one stream.",
    (
        Field("bias_low", "u32", "low half of the bias"),
        Field("bias_high", "i32", "high half of the same, of 64 bits"),
        Field("multiplier", "i32", "Q31 mantissa as of a `channel`; for sums of 64 bits with zeros in the low 16 bits"),
        Field("shift", "i32", "exponent of the same, -31 to 30; for sums of 64 bits to 7"),
    ),
)

SCALE = Layout(
    "scale",
    "A multiplier of all channels of a kind.",
    (
        Field("multiplier", "i32", "Q31 mantissa, 0 or 2^30 to 2^31-1"),
        Field("shift", "i32", "exponent, -31 to 30; positive shifts left"),
    ),
)

SIGNATURE = Layout(
    "signature",
    "Ends a signed file. `signature` covers SIGNED_MODULE and the header, `certificate` SIGNED_SIGNER, `signer` and `epoch`.",
    (
        Field("signer", "u8", "Ed25519 public key that made `signature`", 32),
        Field(
            "epoch",
            "u32",
            "of the certificate, from 1, so that signers can be revoked; 0 = the signer is a release key",
        ),
        Field("reserved", "u32", "zero"),
        Field(
            "certificate",
            "u8",
            "by a release key, for `signer` and `epoch`; zeros where the signer is a release key",
            64,
        ),
        Field("signature", "u8", "by `signer`, of the header", 64),
    ),
)
# What a key signs begins with one of these, so that no signature can stand for another kind.
SIGNED_MODULE = b"TML module 1\0"
SIGNED_SIGNER = b"TML signer 1\0"


def _listed(functions: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in functions.items())


_HEAD = (
    Field("op", "u8", "operator code"),
    Field("variant", "u8", "kernel and constant layout chosen by the compiler; 0 = plain"),
    Field("flags", "u16", "operator-specific; zero where none are defined"),
    Field("input", "u32", "arena offset of the input"),
    Field("output", "u32", "arena offset of the output"),
)
_WEIGHTED = (
    Field("weights", "u32", "file offset of the weights"),
    Field("channels", "u32", "file offset of the `channel` stream"),
    Field("scratch", "u32", "arena offset of the scratch"),
    Field("scratch_bytes", "u32", "size of the scratch"),
)
_IMAGE = (
    Field("in_h", "u16", "input height"),
    Field("in_w", "u16", "input width"),
    Field("in_c", "u16", "input channels"),
    Field("out_h", "u16", "output height"),
    Field("out_w", "u16", "output width"),
    Field("out_c", "u16", "output channels"),
    Field("filter_h", "u16", "filter height"),
    Field("filter_w", "u16", "filter width"),
    Field("pad_top", "u16", "rows of padding above"),
    Field("pad_left", "u16", "columns of padding on the left"),
    Field("stride_h", "u8", "stride down"),
    Field("stride_w", "u8", "stride across"),
    Field("dilation_h", "u8", "dilation down"),
    Field("dilation_w", "u8", "dilation across"),
)
_RANGE = (
    Field("in_zero_point", "i8", "zero point of the input; the value of padding"),
    Field("out_zero_point", "i8", "zero point of the output"),
    Field("act_min", "i8", "lowest output value"),
    Field("act_max", "i8", "highest output value"),
)
_WIDE_RANGE = (
    Field("wide_min", "i16", "of int16: lowest output value; its zero points are 0, act_min and act_max unused"),
    Field("wide_max", "i16", "of int16: highest output value"),
)
_AUX = (
    Field("aux", "u32", "file offset of variant-specific constants; 0 = none"),
    Field("aux_bytes", "u32", "size of the same"),
)

# Record layouts by name; every operator code below names the one it uses.
RECORDS = {
    "conv": Layout(
        "conv",
        "Weights: CONV_2D [out_c][filter_h][filter_w][in_c]; DEPTHWISE_CONV_2D [filter_h][filter_w][out_c], out_c = in_c * multiplier. "
        "Padding reads as in_zero_point.",
        _HEAD + _WEIGHTED + _IMAGE + _RANGE + _AUX,
    ),
    "conv_int16": Layout(
        "conv_int16",
        "Input and output int16 with the zero point 0, weights int8: [out_c][filter_h][filter_w][filter_c]. Filters in a row share "
        "their group of filter_c channels, so that there are in_c / filter_c groups. Padding reads as 0.",
        (
            *_HEAD,
            *_IMAGE,
            Field("weights", "u32", "file offset of the weights"),
            Field("channels", "u32", "file offset of the `wide_channel` stream"),
            Field("filter_c", "u16", "input channels that a filter sees"),
            Field("act_min", "i16", "lowest output value"),
            Field("act_max", "i16", "highest output value"),
            Field("sum_bytes", "u8", "8: sums of 64 bits, rounded once; 4: of 32 bits (mod 2^32), rounded twice"),
        ),
    ),
    "fully_connected": Layout(
        "fully_connected",
        "Weights: [out_features][in_features]. Input [rows][in_features], output [rows][out_features].",
        _HEAD
        + _WEIGHTED
        + (
            Field("rows", "u32", "rows of input and output"),
            Field("in_features", "u32", "length of an input row"),
            Field("out_features", "u32", "length of an output row"),
        )
        + _RANGE
        + _AUX,
    ),
    "pool": Layout(
        "pool",
        "Average (rounds half away from zero) or maximum over the part of the window inside the input. in_c = out_c.",
        (*_HEAD, *_IMAGE, *_RANGE, *_WIDE_RANGE, Field("function", "u8", "of POOL_INT16: 0 maximum, 1 average")),
    ),
    "add": Layout(
        "add",
        "out = requant(requant(left(a - za)) + requant(left(b - zb))), as TFLite's integer ADD with a left shift of 20.",
        (
            *_HEAD,
            Field("input2", "u32", "arena offset of the second input"),
            Field("count", "u32", "elements of input, input2 and output"),
            Field("multiplier1", "i32", "Q31, of input"),
            Field("multiplier2", "i32", "Q31, of input2"),
            Field("out_multiplier", "i32", "Q31, of the sum"),
            Field("shift1", "i8", "-31 to 0"),
            Field("shift2", "i8", "-31 to 0"),
            Field("out_shift", "i8", "-31 to 0"),
            Field("in2_zero_point", "i8", "zero point of input2"),
            *_RANGE,
        ),
    ),
    "softmax": Layout(
        "softmax",
        "Over the last dimension; input [rows][depth], output the same with scale 1/256 and zero point -128. With bit 0 of flags: "
        "int16 with scale 1/65536 and zero point -32768.",
        (
            *_HEAD,
            Field("rows", "u32", "rows"),
            Field("depth", "u32", "length of a row"),
            Field("multiplier", "i32", "Q31 of beta * input scale * 2^26"),
            Field("shift", "i32", "0 to 31"),
            Field("diff_min", "i32", "differences below this count as exp = 0"),
        ),
    ),
    "pad": Layout(
        "pad",
        "Four dimensions, innermost last; the output is filled with `value` around the input.",
        (
            *_HEAD,
            Field("in_shape", "u16", "input shape", 4),
            Field("before", "u16", "padding before each dimension", 4),
            Field("after", "u16", "padding after each dimension", 4),
            Field("value", "i8", "fill"),
        ),
    ),
    "copy": Layout(
        "copy", "Moves bytes: a RESHAPE that could not be folded away.", (*_HEAD, Field("count", "u32", "bytes"))
    ),
    "lookup": Layout(
        "lookup",
        "Any function of one byte, as a table of what it gives for 0 to 255. Output may be the input.",
        (*_HEAD, Field("count", "u32", "bytes"), Field("table", "u32", "file offset of 256 bytes")),
    ),
    "binary": Layout(
        "binary",
        "A function of two operands that broadcast against each other: rows of four dimensions, innermost last. Comparisons "
        "give 1 or 0; SELECT copies input2 where input is not 0 and leaves the rest as it is. BINARY_INT16 has ADD to PRELU.",
        (
            *_HEAD,
            Field("input2", "u32", "arena offset of the second input"),
            Field("shape", "u32", "output shape", 4),
            Field("multiplier1", "i32", "Q31, of input"),
            Field("multiplier2", "i32", "Q31, of input2"),
            Field("out_multiplier", "i32", "Q31, of the result"),
            Field("shift1", "i8", "-31 to 0, for PRELU to 30"),
            Field("shift2", "i8", "-31 to 0, of input2"),
            Field("out_shift", "i8", "-31 to 30, for DIV to 22"),
            Field("in2_zero_point", "i8", "zero point of input2"),
            *_RANGE,
            Field("function", "u8", _listed(BINARY_FUNCTIONS)),
            Field("constants", "u8", "bit 0: input, bit 1: input2 is a file offset of constants"),
            Field("broadcast1", "u8", "bit d: input has one element along dimension d"),
            Field("broadcast2", "u8", "the same, of input2"),
            *_WIDE_RANGE,
        ),
    ),
    "reduce": Layout(
        "reduce",
        "Two dimensions are kept, two are reduced; the output is [count[0]][count[1]], for ARG_MAX and ARG_MIN of i32. A mean is a SUM. "
        "REDUCE_INT16 has only SUM, and neither bias nor zero point.",
        (
            *_HEAD,
            Field("count", "u32", "elements along the kept, then the reduced dimensions", 4),
            Field("stride", "u32", "of the input, in elements, along the same", 4),
            Field("multiplier", "i32", "Q31 of input scale / output scale, for a mean over the number of elements"),
            Field("bias", "i32", "minus input zero point times reduced elements"),
            Field("shift", "i8", "-31 to 30"),
            Field("out_zero_point", "i8", "zero point of the output"),
            Field("function", "u8", _listed(REDUCE_FUNCTIONS)),
        ),
    ),
    "move": Layout(
        "move",
        "Bytes from [count] places of the input to as many of the output; strides may be negative, or 0 in the input.",
        (
            *_HEAD,
            Field("count", "u32", "bytes along each dimension, innermost last", 4),
            Field("in_stride", "i32", "bytes from one to the next in the input", 4),
            Field("out_stride", "i32", "the same in the output", 4),
            Field("constant", "u8", "1: input is a file offset of constants"),
        ),
    ),
    "gather": Layout(
        "gather",
        "Runs of bytes from anywhere in the input, one after the other into the output.",
        (
            *_HEAD,
            Field("count", "u32", "number of runs"),
            Field("run", "u32", "bytes of each"),
            Field("in_bytes", "u32", "bytes of the input"),
            Field("offsets", "u32", "file offset of a u32 for each run: where in the input it starts"),
        ),
    ),
    "quantize": Layout(
        "quantize",
        "From one integer type, scale and zero point to another.",
        (
            *_HEAD,
            Field("count", "u32", "elements"),
            Field("multiplier", "i32", "Q31 of input scale / output scale"),
            Field("in_zero_point", "i32", "zero point of the input"),
            Field("out_zero_point", "i32", "zero point of the output"),
            Field("shift", "i8", "-31 to 30"),
            Field("in_dtype", "u8", "1 int8, 2 uint8, 3 int16, 4 int32"),
            Field("out_dtype", "u8", "the same, of the output"),
        ),
    ),
    "svdf": Layout(
        "svdf",
        "Weights: [units * rank][in_features] of int8; time weights and state: [units * rank][memory], int8 or int16, newest last.",
        (
            *_HEAD,
            Field("weights", "u32", "file offset of the feature weights"),
            Field("time", "u32", "file offset of the time weights"),
            Field(
                "bias",
                "u32",
                "file offset of an i32 per filter, then per unit: bias minus zero point times weights (mod 2^32)",
            ),
            Field("state", "u32", "arena offset of the state"),
            Field("state_multiplier", "i32", "Q31 of input scale * feature weight scale / state scale"),
            Field("multiplier", "i32", "Q31 of state scale * time weight scale / output scale"),
            Field("in_features", "u16", "length of the input"),
            Field("units", "u16", "length of the output"),
            Field("rank", "u16", "filters of a unit"),
            Field("memory", "u16", "how many of the last results a filter keeps"),
            Field("state_zero_point", "i16", "zero point of the state"),
            Field("state_shift", "i8", "-31 to 30, of state_multiplier"),
            Field("shift", "i8", "-31 to 30, of multiplier"),
            Field("out_zero_point", "i8", "zero point of the output"),
            Field("state_item", "u8", "bytes of an element of state and time weights: 1 or 2"),
        ),
    ),
    "lstm": Layout(
        "lstm",
        "Input [steps][in_features], output [steps][units], hidden state [units], all int8; cell state [units] of int16. Gates: forget, "
        "input, cell, output. Weights: for each unit and gate those of the input, then those of the hidden state.",
        (
            *_HEAD,
            Field("weights", "u32", "file offset of the weights, [units][4][in_features + units]"),
            Field(
                "bias",
                "u32",
                "file offset of [units][4][2] i32: bias minus zero point times weights, of input and hidden state",
            ),
            Field("scales", "u32", "file offset of [4][2] `scale`s: input or hidden scale * weight scale * 2^12"),
            Field("table", "u32", "file offset of 256 u16: sigmoid(i / 24) * 65536"),
            Field("hidden", "u32", "arena offset of the hidden state"),
            Field("cell", "u32", "arena offset of the cell state"),
            Field("multiplier", "i32", "Q31 of 2^-30 / hidden scale"),
            Field("steps", "u16", "length of the sequence"),
            Field("in_features", "u16", "length of an input row"),
            Field("units", "u16", "length of an output row"),
            Field("clip", "i16", "largest magnitude of the cell state; 0: none"),
            Field("shift", "i8", "-31 to 30, of multiplier"),
            Field("cell_exponent", "i8", "-24 to 0: the scale of the cell state is 2 to this"),
            Field("out_zero_point", "i8", "zero point of hidden state and output"),
        ),
    ),
    "sigmoid_int16": Layout(
        "sigmoid_int16",
        "1 / (1 + exp(-x)) or tanh(x) of int16, from a table between whose entries lie straight lines. Output may be the input.",
        (
            *_HEAD,
            Field("count", "u32", "elements"),
            Field("table", "u32", "file offset of 256 u16: sigmoid(i / 24) * 65536"),
            Field("multiplier", "u16", "with shift: input scale * 3 * 2^12; up to 32767"),
            Field("shift", "u8", "to the right, 0 to 31"),
            Field("function", "u8", "0 LOGISTIC, 1 TANH"),
        ),
    ),
    "softmax_int16": Layout(
        "softmax_int16",
        "Over the last dimension; input [rows][depth] of int16, output the same with scale 1/32768. Output may be the input.",
        (
            *_HEAD,
            Field("rows", "u32", "rows"),
            Field("depth", "u32", "length of a row"),
            Field(
                "tables",
                "u32",
                "file offset of 513 i16: exp(x) for x from -10 to 0; and as many: 1 / (1 + x) from 0 to 1",
            ),
            Field("multiplier", "i32", "Q31 of beta * input scale * 6553.5"),
            Field("shift", "i32", "-31 to 30"),
        ),
    ),
    "resize_bilinear": Layout(
        "resize_bilinear",
        "Each output pixel from the four round its place, offset + i * scale in 1/1024 of an input pixel.",
        (
            *_HEAD,
            Field("scale_h", "u32", "distance of two rows of the output"),
            Field("scale_w", "u32", "distance of two columns of the output"),
            Field("offset_h", "i32", "place of the first row, from -512; below 0 counts as 0"),
            Field("offset_w", "i32", "the same of the first column"),
            Field("images", "u16", "number of images"),
            Field("in_h", "u16", "input height"),
            Field("in_w", "u16", "input width"),
            Field("channels", "u16", "of input and output"),
            Field("out_h", "u16", "output height"),
            Field("out_w", "u16", "output width"),
        ),
    ),
    "batch_matmul": Layout(
        "batch_matmul",
        "[batch][rows][depth] by [batch][depth][columns].",
        (
            *_HEAD,
            Field("input2", "u32", "arena offset of the second input"),
            Field("rows", "u32", "of the first input and the output"),
            Field("depth", "u32", "products in a sum, up to 32768"),
            Field("columns", "u32", "of the second input and the output"),
            Field("multiplier", "i32", "Q31 of the scales' product / output scale"),
            Field("batch", "u16", "dimensions of batches, innermost last", 3),
            Field("shift", "i8", "-31 to 30"),
            Field("in_zero_point", "i8", "zero point of input"),
            Field("in2_zero_point", "i8", "zero point of input2"),
            Field("out_zero_point", "i8", "zero point of the output"),
            Field("constants", "u8", "bit 0: input, bit 1: input2 is a file offset of constants"),
            Field("transposed", "u8", "bit 0: input is [depth][rows], bit 1: input2 is [columns][depth]"),
            Field("broadcast1", "u8", "bit d: input has one matrix along dimension d"),
            Field("broadcast2", "u8", "the same, of input2"),
        ),
    ),
}

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


def _c_struct(layout: Layout, pad_to: int = 0) -> str:
    lines = ["typedef struct {"]
    for f, at in zip(layout.fields, layout.offsets(), strict=True):
        array = f"[{f.count}]" if f.count > 1 else ""
        lines.append(f"    {_CTYPES[f.type]} {f.name}{array}; // {at}: {f.doc}")
    if pad_to > layout.nbytes:
        lines.append(f"    uint8_t reserved_[{pad_to - layout.nbytes}]; // {layout.nbytes}: zero")
    lines.append(f"}} tml_{layout.name}_t;")
    return "\n".join(lines)


def _c_constants() -> list[str]:
    out = [f"#define TML_MAGIC {{{', '.join(f'0x{b:02x}' for b in MAGIC)}}}"]
    for name in ("FORMAT_VERSION", "RUNTIME_VERSION", "ALIGN", "RECORD_BYTES", "MAX_RANK", "MAX_MODULE_BYTES"):
        out.append(f"#define TML_{name} ({globals()[name]})")
    out += [f"#define TML_TARGET_{k.upper()} ({v})" for k, v in TARGETS.items()]
    out.append(f"#define TML_N_TARGETS ({len(TARGETS)})")
    out += [f"#define TML_VARIANT_{k.upper()} ({v})" for k, v in VARIANTS.items()]
    out.append(f"#define TML_N_VARIANTS ({len(VARIANTS)})")
    out += [f"#define TML_DTYPE_{k.upper()} ({v})" for k, v in DTYPES.items()]
    out += [f"#define TML_BINARY_{k} ({v})" for k, v in BINARY_FUNCTIONS.items()]
    out.append(f"#define TML_N_BINARY ({len(BINARY_FUNCTIONS)})")
    out += [f"#define TML_REDUCE_{k} ({v})" for k, v in REDUCE_FUNCTIONS.items()]
    out.append(f"#define TML_N_REDUCE ({len(REDUCE_FUNCTIONS)})")
    out += [f"#define TML_OP_{k} ({v[0]})" for k, v in OPERATORS.items()]
    out.append(f"#define TML_N_OPS ({max(v[0] for v in OPERATORS.values()) + 1})")
    return out


def c_header() -> str:
    """Text of ``native_module/tml_format.h``."""
    ops = " \\\n".join(f"    X({name}, {name.lower()})" for name in OPERATORS)
    members = "\n".join(f"    tml_{r.name}_t {r.name};" for r in RECORDS.values())
    parts = [
        "// Generated by host/tinymlaas/planfmt.py; do not edit. What it means: docs/MODULE_FORMAT.md.",
        "#ifndef TML_FORMAT_H\n#define TML_FORMAT_H\n\n#include <stdint.h>",
        "\n".join(_c_constants()),
        f"// Every operator: X(NAME, name), in the order of their codes from 1.\n#define TML_OPERATORS(X) \\\n{ops}",
        _c_struct(HEADER),
        _c_struct(TENSOR),
        _c_struct(CHANNEL),
        _c_struct(WIDE_CHANNEL),
        _c_struct(SCALE),
        _c_struct(SIGNATURE),
        "// What every record starts with.\n" + _c_struct(Layout("head", "", _HEAD)),
        *(_c_struct(r, RECORD_BYTES) for r in RECORDS.values()),
        f"typedef union {{\n    tml_head_t head;\n{members}\n}} tml_record_t;",
        f'_Static_assert(sizeof(tml_header_t) == {HEADER.nbytes}, "header");\n'
        f'_Static_assert(sizeof(tml_tensor_t) == {TENSOR.nbytes}, "tensor");\n'
        f'_Static_assert(sizeof(tml_signature_t) == {SIGNATURE.nbytes}, "signature");\n'
        '_Static_assert(sizeof(tml_record_t) == TML_RECORD_BYTES, "record");',
        "#endif // TML_FORMAT_H",
    ]
    return "\n\n".join(parts) + "\n"


def docs_tables() -> str:
    """The tables of ``docs/MODULE_FORMAT.md`` as Markdown."""
    parts = [_docs_table(x) for x in (HEADER, TENSOR, CHANNEL, WIDE_CHANNEL, SCALE, SIGNATURE)]
    parts += [_docs_table(r, _users(r.name)) for r in RECORDS.values()]
    return "\n\n".join(parts) + "\n"


def _users(layout: str) -> str:
    return ", ".join(f"{name} ({code})" for name, (code, used) in OPERATORS.items() if used == layout)


def _docs_table(layout: Layout, users: str = "") -> str:
    title = f"### `{layout.name}`" + (f" record: {users}" if users else "")
    rows = [
        f"| {at} | {_docs_type(f)} | `{f.name}` | {f.doc} |"
        for f, at in zip(layout.fields, layout.offsets(), strict=True)
    ]
    size = f"{RECORD_BYTES} bytes, {layout.nbytes} used" if users else f"{layout.nbytes} bytes"
    return "\n".join(
        [title, "", f"{layout.doc} {size}.", "", "| offset | type | field | meaning |", "|---|---|---|---|", *rows]
    )


def _docs_type(field: Field) -> str:
    return f"{field.type}[{field.count}]" if field.count > 1 else field.type


_REPOSITORY = Path(__file__).resolve().parents[2]
C_HEADER_PATH = _REPOSITORY / "native_module" / "tml_format.h"
DOCS_PATH = _REPOSITORY / "docs" / "MODULE_FORMAT.md"
_BEGIN, _END = "<!-- tables: begin (generated) -->", "<!-- tables: end -->"


def docs_text(current: str) -> str:
    """``docs/MODULE_FORMAT.md`` with its generated part brought up to date."""
    before, _, rest = current.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{docs_tables()}\n{_END}{after}"


def main() -> None:
    """Rewrites the generated files."""
    C_HEADER_PATH.write_text(c_header())
    DOCS_PATH.write_text(docs_text(DOCS_PATH.read_text()))


if __name__ == "__main__":
    main()
