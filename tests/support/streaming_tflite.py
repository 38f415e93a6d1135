"""A small ``.tflite`` that remembers: as Keras exports a layer with a buffer of its last rows."""

from __future__ import annotations

from functools import cache

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite

_NAME = {"container": "", "sharedName": "rows"}


@cache
def streaming_tflite() -> bytes:
    """Two new rows behind three old ones; the last three of the five are kept, and at the beginning there are ones."""
    model = _read(_main())
    first = _read(_beginning())
    shift = len(model.buffers)
    model.buffers += first.buffers
    for tensor in first.subgraphs[0].tensors:
        tensor.buffer += shift
    codes = len(model.operatorCodes)
    model.operatorCodes += first.operatorCodes
    for op in first.subgraphs[0].operators:
        op.opcodeIndex += codes
    model.subgraphs.append(first.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _read(data: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))


def _main() -> bytes:
    def rows(n: int) -> TensorSpec:
        return TensorSpec((1, n, 4), 0.05, 3)

    def numbers(*values: int) -> TensorSpec:
        return TensorSpec((len(values),), dtype="int32", data=np.array(values, np.int32))

    tensors = [
        rows(2),
        TensorSpec((), dtype="resource"),
        rows(3),
        rows(5),
        numbers(0, 2, 0),
        numbers(1, 3, 4),
        rows(3),
        rows(5),
    ]
    ops = [
        OpSpec("CALL_ONCE", (), (), {"initSubgraphIndex": 1}),
        OpSpec("VAR_HANDLE", (), (1,), _NAME),
        OpSpec("READ_VARIABLE", (1,), (2,)),
        OpSpec("CONCATENATION", (2, 0), (3,), {"axis": 1}),
        OpSpec("SLICE", (3, 4, 5), (6,)),
        OpSpec("ASSIGN_VARIABLE", (1, 6), ()),
        OpSpec("ABS", (3,), (7,)),
    ]
    return write_tflite(tensors, ops, [0], [7])


def _beginning() -> bytes:
    tensors = [
        TensorSpec((), dtype="resource"),
        TensorSpec((1, 3, 4), 0.05, 3, data=np.ones((1, 3, 4), np.int8)),
    ]
    ops = [OpSpec("VAR_HANDLE", (), (0,), _NAME), OpSpec("ASSIGN_VARIABLE", (0, 1), ())]
    return write_tflite(tensors, ops, [], [])
