"""``.tflite`` bytes → Graph. Translates and checks consistency; never fuses, never changes a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ModelError, UnsupportedError
from ..graph import Array, Graph, Op, Quant, Tensor
from ..ops import OPS
from ..planfmt import MAX_MODULE_BYTES
from . import schema
from .labels import read_labels
from .reader import NO_OPTIONS, Reader, Table
from .variables import initial_values, layer_states, resolve

_MAX_RANK = 8
_MOST_LAYERS = 1 << 12
_MOST_ELEMENTS = 1 << 23  # of an activation: with those around it more than the RAM of any board
_NUMPY = {
    "float32": "<f4",
    "float16": "<f2",
    "int32": "<i4",
    "uint8": "u1",
    "int64": "<i8",
    "bool": "?",
    "int16": "<i2",
    "int8": "i1",
}


# What to do about operators that are missing for a reason; else: to do without them.
_UNROLL = (
    "make recurrent layers with unroll=True (Keras: GRU, SimpleRNN, LSTM), or convert an LSTM with a fixed batch size"
)
_REMEDIES = {"WHILE": _UNROLL, "IF": "choose one branch before converting"}


@dataclass(frozen=True, slots=True)
class _OpCode:
    name: str
    custom: str


def read(data: bytes, name: str, *, strict: bool = True) -> Graph:
    """The graph of a model file; ``name`` (usually the file's) starts every message.

    strict: refuse operators that are not supported; else they are in the graph, with the reason as attributes.
    Raises ModelError when the file is damaged or inconsistent, UnsupportedError when it needs what is missing here.
    """
    reader = Reader(data, name)
    model = reader.root(schema.IDENTIFIER)
    version = model.uint32(schema.Model.VERSION)
    if version != schema.VERSION:
        raise UnsupportedError(
            f"{name}: schema version {version}, only {schema.VERSION} is known; convert the model again"
        )
    buffers = [_buffer(reader, b) for b in model.tables(schema.Model.BUFFERS)]
    codes = [_op_code(c) for c in model.tables(schema.Model.OPERATOR_CODES)]
    main, *others = _subgraphs(reader, model)
    graph = _graph(reader, main, buffers, codes, strict)
    once = any(op.code == "CALL_ONCE" for op in graph.ops)
    if others and not (once and len(others) == 1):
        raise UnsupportedError(
            f"{reader.name}: {1 + len(others)} subgraphs (control flow), one is supported, and one that runs once; "
            "convert without"
        )
    initial = initial_values(_graph(reader, others[0], buffers, codes, strict)) if others else {}
    graph = layer_states(resolve(graph, initial))
    _check_dataflow(graph)
    return replace(graph, metadata=read_labels(reader, model))


def _subgraphs(reader: Reader, model: Table) -> list[Table]:
    subgraphs = model.tables(schema.Model.SUBGRAPHS)
    if not subgraphs:
        raise ModelError(f"{reader.name}: holds no graph; convert the model again")
    return subgraphs


def _graph(reader: Reader, subgraph: Table, buffers: Sequence[Array], codes: Sequence[_OpCode], strict: bool) -> Graph:
    tensors = tuple(_tensor(reader, t, buffers) for t in subgraph.tables(schema.SubGraph.TENSORS))
    ops = tuple(
        _operator(reader, index, op, codes, tensors, strict)
        for index, op in enumerate(subgraph.tables(schema.SubGraph.OPERATORS))
    )
    if len(ops) > _MOST_LAYERS:
        raise UnsupportedError(
            f"{reader.name}: {len(ops)} layers, supported are up to {_MOST_LAYERS}; make it shallower"
        )
    inputs = _indices(reader, subgraph, schema.SubGraph.INPUTS, tensors, "model input")
    outputs = _indices(reader, subgraph, schema.SubGraph.OUTPUTS, tensors, "model output")
    return Graph(reader.name, tensors, ops, inputs, outputs)


def _buffer(reader: Reader, buffer: Table) -> Array:
    if buffer.uint64(schema.Buffer.OFFSET) > 1:
        raise UnsupportedError(f"{reader.name}: constants outside the FlatBuffer (a model over 2 GB) are not supported")
    return buffer.vector(schema.Buffer.DATA, "u1")


def _tensor(reader: Reader, table: Table, buffers: Sequence[Array]) -> Tensor:
    name = table.string(schema.Tensor.NAME)
    dtype = schema.name_of(schema.TENSOR_TYPES, table.int8(schema.Tensor.TYPE))
    shape = _shape(reader, table, name)
    if table.uint32(schema.Tensor.EXTERNAL_BUFFER):
        raise UnsupportedError(f"{reader.name}: tensor '{name}' keeps its data in another file; embed it in the model")
    if table.table(schema.Tensor.SPARSITY):
        raise UnsupportedError(f"{reader.name}: tensor '{name}' is sparse; densify the model before converting it")
    index = table.uint32(schema.Tensor.BUFFER)
    if index >= len(buffers):
        raise reader.damaged(table.offset, f"tensor '{name}' has buffer {index} of {len(buffers)}")
    data = _constant(reader, table, name, dtype, shape, buffers[index])
    return Tensor(name, shape, dtype, _quant(reader, table, name, shape), data)


def _shape(reader: Reader, table: Table, name: str) -> tuple[int, ...]:
    raw = table.vector(schema.Tensor.SHAPE, "<i4")
    if raw.size > _MAX_RANK:
        raise reader.damaged(table.offset, f"tensor '{name}' has {raw.size} dimensions")
    shape = [int(d) for d in raw]
    if shape and shape[0] == -1:
        shape[0] = 1  # a batch of any size: one at a time
    if any(d < 0 for d in shape):
        raise UnsupportedError(
            f"{reader.name}: tensor '{name}' has the shape {shape}, not fixed; convert with fixed shapes"
        )
    if math.prod(max(d, 1) for d in shape) > MAX_MODULE_BYTES:  # numpy multiplies them all, whether one is 0 or not
        raise ModelError(f"{reader.name}: tensor '{name}' of shape {shape} has more than {MAX_MODULE_BYTES} elements")
    return tuple(shape)


def _constant(reader: Reader, table: Table, name: str, dtype: str, shape: tuple[int, ...], raw: Array) -> Array | None:
    """The values of a constant, as a view of the file; None for an activation; bytes for a type unknown to numpy."""
    if raw.size == 0:
        _check_activation(reader, name, shape)
        return None if math.prod(shape) else np.empty(shape, np.uint8)
    if dtype not in _NUMPY:
        return raw
    item = np.dtype(_NUMPY[dtype])
    needed = math.prod(shape) * item.itemsize
    if raw.size != needed:
        raise reader.damaged(
            table.offset,
            f"tensor '{name}' of shape {list(shape)} and type {dtype} needs {needed} B, its buffer has {raw.size} B",
        )
    return np.frombuffer(raw.data, item).reshape(shape)


def _check_activation(reader: Reader, name: str, shape: tuple[int, ...]) -> None:
    if math.prod(shape) > _MOST_ELEMENTS:
        raise UnsupportedError(
            f"{reader.name}: tensor '{name}' of shape {list(shape)} has {math.prod(shape)} elements, supported are "
            f"up to {_MOST_ELEMENTS}; make the input smaller, or cut the graph before it"
        )


def _quant(reader: Reader, table: Table, name: str, shape: tuple[int, ...]) -> Quant | None:
    quant = table.table(schema.Tensor.QUANTIZATION)
    if quant is None:
        return None
    scales = quant.vector(schema.Quantization.SCALE, "<f4")
    zero_points = quant.vector(schema.Quantization.ZERO_POINT, "<i8")
    axis = quant.int32(schema.Quantization.QUANTIZED_DIMENSION)
    if quant.uint8(schema.Quantization.DETAILS_TYPE):
        raise UnsupportedError(f"{reader.name}: tensor '{name}' has a custom quantisation; convert it to affine int8")
    if scales.size == 0:
        return None
    if scales.size > 1 and scales.size not in shape:  # biases are seen with an axis that they do not have
        raise reader.damaged(
            quant.offset, f"tensor '{name}' of shape {list(shape)} has {scales.size} scales along axis {axis}"
        )
    if zero_points.size not in (0, 1, scales.size):
        raise reader.damaged(
            quant.offset, f"tensor '{name}' has {scales.size} scales and {zero_points.size} zero points"
        )
    if not bool(np.all(np.isfinite(scales) & (scales >= 0))):
        raise reader.damaged(quant.offset, f"tensor '{name}' has a scale that is negative or not a number")
    zeros = np.broadcast_to(zero_points, scales.shape) if zero_points.size else np.zeros(scales.shape, np.int64)
    return Quant(tuple(scales.tolist()), tuple(zeros.tolist()), axis)


def _op_code(code: Table) -> _OpCode:
    # Codes above 127 live in the newer field; the older one, a byte, then holds 127.
    number = max(code.int8(schema.OperatorCode.DEPRECATED_BUILTIN_CODE), code.int32(schema.OperatorCode.BUILTIN_CODE))
    return _OpCode(schema.name_of(schema.BUILTIN_OPERATORS, number), code.string(schema.OperatorCode.CUSTOM_CODE))


def _operator(
    reader: Reader, index: int, table: Table, codes: Sequence[_OpCode], tensors: Sequence[Tensor], strict: bool
) -> Op:
    opcode = table.uint32(schema.Operator.OPCODE_INDEX)
    if opcode >= len(codes):
        raise reader.damaged(table.offset, f"layer {index} has operator code {opcode} of {len(codes)}")
    code = codes[opcode]
    inputs = _indices(reader, table, schema.Operator.INPUTS, tensors, f"layer {index} ({code.name})", optional=True)
    outputs = _indices(reader, table, schema.Operator.OUTPUTS, tensors, f"layer {index} ({code.name})")
    name = tensors[outputs[0]].name if outputs else ""
    if code.name not in OPS:
        if strict:
            raise _unsupported(reader, index, name, code)
        return Op(code.custom or code.name, name, index, inputs, outputs, f"not supported; {_remedy(code)}")
    return Op(code.name, name, index, inputs, outputs, OPS[code.name].parse(_options(reader, index, table, code.name)))


def _remedy(code: _OpCode) -> str:
    return _REMEDIES.get(code.name, "replace it in the model or cut the graph before it")


def _unsupported(reader: Reader, index: int, name: str, code: _OpCode) -> UnsupportedError:
    what = f"the custom operator '{code.custom}'" if code.name == "CUSTOM" else code.name
    return UnsupportedError(
        f"{reader.name}: layer {index} '{name}' uses {what}, which is not supported; "
        f"{_remedy(code)}. Supported: {', '.join(sorted(OPS))}"
    )


def _options(reader: Reader, index: int, table: Table, code: str) -> Table:
    kind = table.uint8(schema.Operator.BUILTIN_OPTIONS_TYPE)
    options = table.table(schema.Operator.BUILTIN_OPTIONS) if kind else None
    if options is None or code not in schema.OPTIONS_TYPE:
        return NO_OPTIONS
    if kind != schema.OPTIONS_TYPE[code]:
        raise reader.damaged(
            table.offset, f"layer {index} ({code}) has options of type {kind}, not {schema.OPTIONS_TYPE[code]}"
        )
    return options


def _indices(
    reader: Reader, table: Table, slot: int, tensors: Sequence[Tensor], what: str, optional: bool = False
) -> tuple[int, ...]:
    indices = tuple(table.vector(slot, "<i4").tolist())
    for i in indices:
        if not (0 <= i < len(tensors) or (optional and i == -1)):
            raise reader.damaged(table.offset, f"{what} refers to tensor {i} of {len(tensors)}")
    return indices


def _check_dataflow(graph: Graph) -> None:
    """Every activation is written once, before it is read."""
    written = set(graph.inputs) | {s.read for s in graph.states}
    if len(set(graph.inputs)) != len(graph.inputs) or not graph.inputs or not graph.outputs:
        raise ModelError(
            f"{graph.name}: inputs {list(graph.inputs)}, outputs {list(graph.outputs)}: none, or one twice"
        )
    for op in graph.ops:
        _check_operands(graph, op, written)
        written |= set(op.outputs)
    for t in graph.outputs:
        if t not in written:
            raise ModelError(f"{graph.name}: no layer writes the output '{graph.tensor(t).name}'")


def _check_operands(graph: Graph, op: Op, written: set[int]) -> None:
    where = f"{graph.name}: layer {op.index} '{op.name}' ({op.code})"
    if not op.outputs or not op.inputs or op.inputs[0] < 0:
        raise ModelError(f"{where} has no input, or no output; convert the model again")
    for t in op.inputs:
        if t >= 0 and t not in written and graph.tensor(t).data is None:
            raise ModelError(f"{where} reads '{graph.tensor(t).name}' (tensor {t}), which nothing has written before")
    for t in op.outputs:
        if t in written or graph.tensor(t).data is not None:
            raise ModelError(
                f"{where} writes '{graph.tensor(t).name}' (tensor {t}), which is a constant or already written"
            )
