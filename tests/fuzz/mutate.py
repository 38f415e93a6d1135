"""Changes a ``.tflite`` as only someone who reads the format can: single fields of its tables, packed again into a sound FlatBuffer.

Bytes changed at random end nearly all in the reader; these get to shape inference, checks, passes and the planner.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tinymlaas.errors import TinymlError
from tinymlaas.ops import OPS
from tinymlaas.tflite.importer import read

INTEGERS = (
    -(1 << 31),
    -(1 << 16),
    -128,
    -2,
    -1,
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    127,
    128,
    255,
    256,
    1000,
    65535,
    65536,
    (1 << 31) - 1,
)
FLOATS = (float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 1e-45, 1e-30, 1e-7, 0.5, 1.0, 255.0, 1e7, 3e38)
_FAILURES = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    AssertionError,
    struct.error,
)  # of the packer


def mutate(data: bytes, seed: int, most_changes: int = 3) -> bytes | None:
    """Another model made of this one; None when it cannot be read, or what was changed cannot be written."""
    rng = random.Random(seed)
    try:
        read(data, "seed", strict=False)  # bounds what the schema's own reader, which checks nothing, will meet
    except TinymlError:
        return None
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
        for _ in range(rng.randint(1, most_changes)):
            rng.choice(_CHANGES)(rng, model)
        return _packed(model)
    except _FAILURES:
        return None


def _packed(model: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _integer(rng: random.Random, near: int) -> int:
    return rng.choice((rng.choice(INTEGERS), near + rng.choice((-1, 1)), near * 2, rng.randint(0, 12)))


def _field(rng: random.Random, owner: Any) -> None:
    """Any field of a table: a number, or the content of a vector."""
    name = rng.choice(sorted(vars(owner)))
    value = getattr(owner, name)
    if isinstance(value, bool):
        setattr(owner, name, not value)
    elif isinstance(value, int):
        setattr(owner, name, _integer(rng, value))
    elif isinstance(value, float):
        setattr(owner, name, rng.choice(FLOATS))
    elif isinstance(value, list | np.ndarray):
        setattr(owner, name, _vector(rng, list(value)))


def _vector(rng: random.Random, items: list[Any]) -> list[Any]:
    """One entry changed, left out or doubled, or all of them gone."""
    if not items:
        return [_integer(rng, 0)]
    at, kind = rng.randrange(len(items)), rng.randrange(6)
    if kind == 0:
        return items[:at] + items[at + 1 :]
    if kind == 1:
        return [*items[:at], items[at], *items[at:]]
    if kind == 2:
        return []
    item = items[at]
    if isinstance(item, float | np.floating):
        items[at] = rng.choice(FLOATS)
    elif isinstance(item, int | np.integer):
        items[at] = _integer(rng, int(item))
    return items


def _graph(rng: random.Random, model: Any) -> Any:
    return rng.choice(model.subgraphs)


def _tensor(rng: random.Random, model: Any) -> None:
    _field(rng, rng.choice(_graph(rng, model).tensors))


def _like_another(rng: random.Random, model: Any) -> None:
    """A tensor gets the shape, type, buffer or quantisation of another."""
    one, other = (rng.choice(_graph(rng, model).tensors) for _ in range(2))
    name = rng.choice(("shape", "type", "buffer", "quantization", "name"))
    setattr(one, name, getattr(other, name))


def _quantisation(rng: random.Random, model: Any) -> None:
    tensors = [t for t in _graph(rng, model).tensors if t.quantization is not None]
    _field(rng, rng.choice(tensors).quantization)


def _constant(rng: random.Random, model: Any) -> None:
    """Values of a constant: of these, shapes and axes matter."""
    buffer = rng.choice([b for b in model.buffers if b.data is not None])
    data = np.array(buffer.data, np.uint8)
    if len(data) % 4 == 0 and rng.random() < 0.8:
        words = data.view(np.int32)
        words[rng.randrange(len(words))] = np.int32(_integer(rng, 0))
    else:
        data[rng.randrange(len(data))] = rng.randrange(256)
    buffer.data = data


def _operator(rng: random.Random, model: Any) -> None:
    _field(rng, rng.choice(_graph(rng, model).operators))


def _options(rng: random.Random, model: Any) -> None:
    _field(rng, rng.choice([op for op in _graph(rng, model).operators if op.builtinOptions]).builtinOptions)


def _operands(rng: random.Random, model: Any) -> None:
    """Who reads and writes what."""
    graph = _graph(rng, model)
    owner = rng.choice([graph, *graph.operators])
    name = rng.choice(("inputs", "outputs"))
    indices = list(getattr(owner, name))
    indices[rng.randrange(len(indices))] = rng.randint(-1, len(graph.tensors))
    setattr(owner, name, indices)


def _code(rng: random.Random, model: Any) -> None:
    """Another operator, with its options or with those of the old one."""
    code = rng.choice(model.operatorCodes)
    code.builtinCode = getattr(schema.BuiltinOperator, rng.choice(sorted(OPS)))
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    if rng.random() < 0.7:
        for op in _graph(rng, model).operators:
            op.builtinOptionsType, op.builtinOptions = 0, None


def _order(rng: random.Random, model: Any) -> None:
    """Layers doubled, left out, or in another order."""
    graph = _graph(rng, model)
    kind, at = rng.randrange(3), rng.randrange(len(graph.operators))
    if kind == 0:
        graph.operators.insert(rng.randrange(len(graph.operators) + 1), graph.operators[at])
    elif kind == 1:
        del graph.operators[at]
    else:
        rng.shuffle(graph.operators)


def _subgraphs(rng: random.Random, model: Any) -> None:
    model.subgraphs = [*model.subgraphs, rng.choice(model.subgraphs)]


_CHANGES: tuple[Callable[[random.Random, Any], None], ...] = (
    _tensor,
    _tensor,
    _like_another,
    _like_another,
    _quantisation,
    _quantisation,
    _constant,
    _constant,
    _operator,
    _options,
    _options,
    _options,
    _operands,
    _operands,
    _code,
    _order,
    _subgraphs,
)
