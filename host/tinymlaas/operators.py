"""The list of operators for users: ``docs/OPERATORS.md`` is printed from here (``python -m tinymlaas.operators``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "docs" / "OPERATORS.md"
_BEGIN, _END = "<!-- table: begin (generated) -->", "<!-- table: end -->"


@dataclass(frozen=True, slots=True)
class Note:
    """kernels: what the device runs; dtypes: of the elements; limits: what is refused, in words."""

    kernels: str
    limits: str = ""
    dtypes: str = "int8"


_ANY = "int8, uint8, int16, int32, bool"
_WIDE = "int8, int16"
_MOVES = "MOVE, GATHER"


def _move(limits: str = "constant parameters") -> Note:
    return Note(_MOVES, limits, _ANY)


NOTES: dict[str, Note] = {
    "CONV_2D": Note(
        "CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, CONV_INT16, MOVE, GATHER",
        "symmetric constant weights; up to 64 images and 64 groups, 65 535 per dimension, stride and dilation to 255",
        _WIDE,
    ),
    "DEPTHWISE_CONV_2D": Note(
        "DEPTHWISE_CONV_2D, CONV_2D, FULLY_CONNECTED, CONV_INT16, MOVE", "as CONV_2D; any depth multiplier", _WIDE
    ),
    "FULLY_CONNECTED": Note("FULLY_CONNECTED, CONV_INT16", "constant weights, per tensor or per channel", _WIDE),
    "BATCH_MATMUL": Note("BATCH_MATMUL, FULLY_CONNECTED", "sums of up to 32 768 products; either operand may be constant"),
    "TRANSPOSE_CONV": Note(
        "CONV_2D, FULLY_CONNECTED, CONV_INT16, MOVE, GATHER", "batch 1, symmetric constant weights, no activation", _WIDE
    ),
    "AVERAGE_POOL_2D": Note("AVERAGE_POOL_2D, POOL_INT16, MOVE", "up to 64 images; no rescaling", _WIDE),
    "MAX_POOL_2D": Note("MAX_POOL_2D, POOL_INT16, MOVE", "up to 64 images; no rescaling", _WIDE),
    "ADD": Note("ADD, BINARY, LOOKUP, BINARY_INT16", "broadcasts; one operand may be constant; shapes may be computed in int32", _WIDE),
    "SUB": Note("BINARY, LOOKUP, BINARY_INT16", "as ADD", _WIDE),
    "MUL": Note("BINARY, LOOKUP, BINARY_INT16", "as ADD", _WIDE),
    "MINIMUM": Note("BINARY, LOOKUP, BINARY_INT16", "as ADD; no rescaling", _WIDE),
    "MAXIMUM": Note("BINARY, LOOKUP, BINARY_INT16", "as ADD; no rescaling", _WIDE),
    "SQUARED_DIFFERENCE": Note("BINARY, LOOKUP, BINARY_INT16", "as ADD", _WIDE),
    "PRELU": Note("BINARY, LOOKUP", "as ADD"),
    "DIV": Note("BINARY, LOOKUP", "as ADD; TensorFlow Lite Micro does not define x / 0: here it is the limit of int8"),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL"), Note("BINARY, LOOKUP", "as ADD; scales below 1; gives bool", "int8, bool")),
    **dict.fromkeys(("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"), Note("BINARY, LOOKUP", "as EQUAL")),
    "LOGICAL_AND": Note("BINARY, LOOKUP", "as ADD", "bool"),
    "LOGICAL_OR": Note("BINARY, LOOKUP", "as ADD", "bool"),
    "LOGICAL_NOT": Note("LOOKUP", "", "bool"),
    "SELECT_V2": Note("MOVE, GATHER, BINARY", "broadcasts; operands quantised alike", _WIDE),
    "LOGISTIC": Note("LOOKUP, SIGMOID_INT16", "output scale 1/256, zero point -128; of int16 1/32768", _WIDE),
    "TANH": Note("LOOKUP, SIGMOID_INT16", "output scale 1/128, zero point 0; of int16 1/32768", _WIDE),
    "HARD_SWISH": Note("LOOKUP", "output scale at least 1/128 of the input's"),
    "LEAKY_RELU": Note("LOOKUP, BINARY_INT16", "alpha from 0", _WIDE),
    "ELU": Note("LOOKUP"),
    "ABS": Note("LOOKUP, BINARY_INT16", "", _WIDE),
    "RSQRT": Note("LOOKUP", "input zero point -128"),
    "RELU": Note("MAX_POOL_2D, LOOKUP, BINARY_INT16", "usually fused into the layer before", _WIDE),
    "RELU6": Note("MAX_POOL_2D, BINARY_INT16", "no rescaling; usually fused into the layer before", _WIDE),
    "RELU_N1_TO_1": Note("MAX_POOL_2D, BINARY_INT16", "no rescaling; usually fused into the layer before", _WIDE),
    "SOFTMAX": Note(
        "SOFTMAX, SOFTMAX_INT16",
        "last dimension, up to 4095; output int8 with scale 1/256 and zero point -128, or int16 with 1/65536 and -32768; from int16 "
        "with 1/32768 and 0, up to 65 535",
        "int8, int16",
    ),
    "QUANTIZE": Note(
        "LOOKUP, QUANTIZE",
        "int8 to all, uint8 to int8, int16 to all but uint8, int32 to int8 and int16; from float32 only at a model's inputs, "
        "where it is folded",
        "int8, uint8, int16, int32",
    ),
    "DEQUANTIZE": Note("", "only at a model's outputs, where it is folded"),
    "MEAN": Note("REDUCE, REDUCE_INT16", "any axes in up to two groups", _WIDE),
    "SUM": Note("REDUCE, REDUCE_INT16", "as MEAN", _WIDE),
    "REDUCE_MAX": Note("REDUCE", "as MEAN; no rescaling"),
    "REDUCE_MIN": Note("REDUCE", "as MEAN; no rescaling"),
    "ARG_MAX": Note("REDUCE", "one constant axis; gives int32"),
    "ARG_MIN": Note("REDUCE", "as ARG_MAX"),
    "PAD": Note("PAD, MOVE", "constant paddings, up to four dimensions; goes into a convolution where it can", _WIDE),
    "PADV2": Note("PAD, MOVE", "as PAD; constant value", _WIDE),
    "RESHAPE": Note("COPY", "usually a view: nothing runs", _ANY),
    "EXPAND_DIMS": _move("usually a view: nothing runs"),
    "SQUEEZE": _move("usually a view: nothing runs"),
    "BROADCAST_TO": _move(),
    "CONCATENATION": _move("inputs quantised alike; some may be constant"),
    "PACK": _move("inputs quantised alike; some may be constant"),
    "SPLIT": _move(),
    "SPLIT_V": _move(),
    "UNPACK": _move(),
    "SLICE": _move(),
    "STRIDED_SLICE": _move("constant parameters; no ellipsis, no new axes"),
    "TRANSPOSE": _move("constant permutation; to and fro comes to nothing"),
    "GATHER": _move("constant indices, no batch dimensions"),
    "GATHER_ND": _move("constant indices"),
    "CAST": Note("MOVE, QUANTIZE, LOOKUP", "of numbers only int8 to bool", "int8, int16, int32, bool"),
    "DEPTH_TO_SPACE": _move(""),
    "SPACE_TO_DEPTH": _move(""),
    "SPACE_TO_BATCH_ND": _move("constant parameters; becomes dilation round a convolution"),
    "BATCH_TO_SPACE_ND": _move("constant parameters; becomes dilation round a convolution"),
    "RESIZE_NEAREST_NEIGHBOR": _move("constant size"),
    "RESIZE_BILINEAR": Note("RESIZE_BILINEAR", "constant size; no rescaling"),
    "MIRROR_PAD": _move(),
    "REVERSE_V2": _move("constant axes"),
    "VAR_HANDLE": Note("", "streaming models: the importer makes states of variables", "resource"),
    "READ_VARIABLE": Note("", "before the variable is assigned", _ANY),
    "ASSIGN_VARIABLE": Note(_MOVES, "once for each variable", _ANY),
    "CALL_ONCE": Note("", "of a subgraph that assigns constants to variables"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Note(
        "LSTM",
        "batch 1; cell state int16 with a power of two as scale; clipping; no peephole, projection or layer normalisation; four gates",
        "int8, int16",
    ),
    "SVDF": Note("SVDF", "batch 1; state and time weights int8, or int16; NONE or RELU, by the output's range alone", "int8, int16"),
    "SHAPE": Note("", "computed by the compiler", "int32"),
}  # fmt: skip

# Where operators were seen: real networks whose golden vectors the tests compare.
MODELS: dict[str, tuple[str, ...]] = {
    "ad01": ("FULLY_CONNECTED",),
    "kws": ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"),
    "resnet8": ("CONV_2D", "ADD", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"),
    "vww_96": ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"),
    "person_detect": ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "RESHAPE", "SOFTMAX"),
    "micro_speech": ("DEPTHWISE_CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"),
    "hello_world": ("FULLY_CONNECTED",),
    "keyword_scrambled": ("QUANTIZE", "SVDF", "FULLY_CONNECTED", "SOFTMAX"),
    "trained_lstm": ("UNIDIRECTIONAL_SEQUENCE_LSTM", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"),
    "okay_nabu": (
        "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CONCATENATION", "STRIDED_SLICE", "SPLIT_V",
        "CONV_2D", "DEPTHWISE_CONV_2D", "RESHAPE", "FULLY_CONNECTED", "LOGISTIC", "QUANTIZE",
    ),
}  # fmt: skip


def table() -> str:
    """The list as Markdown."""
    rows = ["| operator | elements | limits | the device runs | seen in |", "|---|---|---|---|---|"]
    for name, note in NOTES.items():
        seen = ", ".join(model for model, operators in MODELS.items() if name in operators)
        rows.append(f"| {name} | {note.dtypes} | {note.limits} | {note.kernels or 'nothing'} | {seen} |")
    return "\n".join(rows)


def text(current: str) -> str:
    """``docs/OPERATORS.md`` with its table brought up to date."""
    before, _, rest = current.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{table()}\n\n{_END}{after}"


def main() -> None:
    """Rewrites the table."""
    PATH.write_text(text(PATH.read_text()))


if __name__ == "__main__":
    main()
