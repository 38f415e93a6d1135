"""What a model remembers: READ_VARIABLE and ASSIGN_VARIABLE become states of the graph, CALL_ONCE their first values; so do the
tensors that a layer such as SVDF keeps for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import ModelError, UnsupportedError
from ..graph import Graph, Op, State, Tensor
from ..ops import OPS
from ..planfmt import DTYPE_BYTES, DTYPES

OPERATORS = ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")


def initial_values(graph: Graph) -> dict[str, bytes]:
    """What a subgraph that runs once assigns to variables, by their names. Raises UnsupportedError when it does anything else."""
    names, found = _handles(graph), {}
    for op in graph.ops:
        if op.code == "VAR_HANDLE":
            continue
        data = graph.tensor(op.inputs[1]).data if op.code == "ASSIGN_VARIABLE" and len(op.inputs) == 2 else None
        if data is None or op.inputs[0] not in names:
            raise UnsupportedError(f"{graph.name}: {op.code} where variables get their first values; assign constants")
        found[names[op.inputs[0]]] = data.tobytes()
    return found


def resolve(graph: Graph, initial: Mapping[str, bytes]) -> Graph:
    """The same graph with a State for each variable, read as a tensor of the graph and written once, when nobody reads it any more."""
    names = _handles(graph)
    if not names:
        return graph
    tensors, ops, same = list(graph.tensors), [], dict[int, int]()
    reads, assigned = dict[str, int](), dict[str, Op]()
    for op in graph.ops:
        if op.code not in OPERATORS:
            ops.append(op)
        elif op.code == "READ_VARIABLE":
            name = _name(graph, op, names, (1, 1))
            if name in assigned:
                raise UnsupportedError(
                    f"{graph.name}: variable '{name}' is read after it is assigned; read it once before"
                )
            same[op.outputs[0]] = reads.setdefault(name, op.outputs[0])
        elif op.code == "ASSIGN_VARIABLE":
            assigned[_name(graph, op, names, (2, 0))] = op
    ops = [replace(op, inputs=tuple(same.get(t, t) for t in op.inputs)) for op in ops]
    states = []
    for name, op in assigned.items():
        if name in reads:
            tensors.append(replace(graph.tensor(reads[name]), name=name))
            written, value = len(tensors) - 1, same.get(op.inputs[1], op.inputs[1])
            ops.insert(_place(ops, (reads[name], value)), replace(op, inputs=(value,), outputs=(written,)))
            states.append(State(reads[name], written, _first(graph, name, tensors[written], initial)))
    if len(states) < len(reads):
        raise UnsupportedError(f"{graph.name}: variables that are never assigned: {sorted(set(reads) - set(assigned))}")
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops), states=tuple(states))


def layer_states(graph: Graph) -> Graph:
    """The same graph with a State for each tensor that a layer keeps for itself between runs; the layer then writes the next one.

    Such a state begins as zero: TensorFlow Lite Micro fills it with the zero point where it is int8, with zeros elsewhere.
    """
    tensors, ops, states = list(graph.tensors), [], list(graph.states)
    taken = {*graph.inputs, *graph.producers(), *(s.read for s in graph.states)}
    for op in graph.ops:
        positions = OPS[op.code].states if op.code in OPS else ()
        kept = [op.inputs[i] for i in positions if i < len(op.inputs) and op.inputs[i] >= 0]
        for index in (t for t in kept if t not in taken and graph.tensor(t).data is None):
            tensor = graph.tensor(index)
            tensors.append(tensor)
            op = replace(op, outputs=(*op.outputs, len(tensors) - 1))
            states.append(State(index, len(tensors) - 1, _zeros(tensor)))
            taken.add(index)
        ops.append(op)
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops), states=tuple(states))


def _zeros(tensor: Tensor) -> bytes:
    zero_point = tensor.quant.zero_point if tensor.quant and tensor.dtype == "int8" else 0
    return bytes([zero_point & 0xFF]) * (tensor.bytes if tensor.dtype in DTYPE_BYTES else 0)


def _place(ops: list[Op], tensors: tuple[int, ...]) -> int:
    """Behind the last layer that reads or writes one of these."""
    return max((i + 1 for i, op in enumerate(ops) if {*op.inputs, *op.outputs} & set(tensors)), default=0)


def _first(graph: Graph, name: str, tensor: Tensor, initial: Mapping[str, bytes]) -> bytes:
    if tensor.dtype not in DTYPES:
        raise UnsupportedError(f"{graph.name}: variable '{name}' is {tensor.dtype}, supported are {', '.join(DTYPES)}")
    data = initial.get(name, bytes(tensor.bytes))
    if len(data) != tensor.bytes:
        raise ModelError(f"{graph.name}: variable '{name}' begins with {len(data)} B, and is read as {tensor.bytes} B")
    return data


def _handles(graph: Graph) -> dict[int, str]:
    """Name of the variable of each handle."""
    return {t: op.attrs.name for op in graph.ops if op.code == "VAR_HANDLE" for t in op.outputs}


def _name(graph: Graph, op: Op, names: Mapping[int, str], operands: tuple[int, int]) -> str:
    """Of the variable that a layer with so many inputs and outputs reads or assigns."""
    if (len(op.inputs), len(op.outputs)) != operands or op.inputs[0] not in names:
        raise ModelError(f"{graph.name}: layer {op.index} ({op.code}) has no variable; convert the model again")
    return names[op.inputs[0]]
