"""What operators ask of their operands, and the errors when they do not get it."""

from __future__ import annotations

from collections.abc import Mapping

from .. import quant as q
from ..errors import ModelError, UnsupportedError
from ..graph import Array, Graph, Op, Quant, Tensor


def where(graph: Graph, op: Op) -> str:
    """How messages name a layer."""
    return f"{graph.name}: layer {op.index} '{op.name}' ({op.code})"


def refuse(graph: Graph, op: Op, reason: str, remedy: str) -> UnsupportedError:
    """The error for a sound model that uses what is not supported."""
    return UnsupportedError(f"{where(graph, op)}: {reason}; {remedy}")


def inconsistent(graph: Graph, op: Op, reason: str) -> ModelError:
    """The error for a layer that contradicts itself."""
    return ModelError(f"{where(graph, op)}: {reason}; the model is inconsistent, convert it again")


def operand_count(graph: Graph, op: Op, low: int, high: int) -> None:
    """Check that there are ``low`` to ``high`` inputs and one output."""
    if not low <= len(op.inputs) <= high or len(op.outputs) != 1:
        raise inconsistent(
            graph, op, f"{len(op.inputs)} inputs and {len(op.outputs)} outputs, expected {low} to {high} and 1"
        )


def operand(graph: Graph, op: Op, position: int, role: str) -> Tensor:
    """The input at a position, which must be there."""
    index = op.inputs[position] if position < len(op.inputs) else -1
    if index < 0:
        raise inconsistent(graph, op, f"{role} is missing")
    return graph.tensor(index)


def output(graph: Graph, op: Op) -> Tensor:
    """The one output."""
    return graph.tensor(op.outputs[0])


def present(value: Array | None) -> Array:
    """An operand's value that ``check`` has found to be there."""
    assert value is not None
    return value


def quant_of(tensor: Tensor) -> Quant:
    """The quantisation of a tensor that ``check`` has found quantised."""
    assert tensor.quant is not None
    return tensor.quant


def int8_input(graph: Graph, op: Op, position: int = 0, role: str = "input") -> Tensor:
    """Check that an input is a quantised int8 activation, computed by the model."""
    return activation_input(graph, op, position, role, ("int8",))


def int8_operand(graph: Graph, op: Op, position: int, role: str, dtypes: tuple[str, ...] = ("int8",)) -> Tensor:
    """Check that an input is quantised int8, or another of some types, an activation or a constant."""
    tensor = operand(graph, op, position, role)
    _activation(graph, op, tensor, role, dtypes)
    return tensor


def int8_output(graph: Graph, op: Op) -> Tensor:
    """Check that the output is a quantised int8 activation."""
    tensor = output(graph, op)
    _activation(graph, op, tensor, "output", ("int8",))
    return tensor


_DTYPE_REMEDY = {
    "float32": "quantise the model to int8, inputs and outputs too (full integer quantisation)",
    "uint8": "quantise the model again: uint8 is TFLite's scheme from before 2020, int8 its successor",
    "int16": "quantise the activations to int8",
}


def activation_input(
    graph: Graph, op: Op, position: int = 0, role: str = "input", dtypes: tuple[str, ...] = tuple(q.LIMITS)
) -> Tensor:
    """Check that an input is a quantised activation: int8, or int16 with the zero point 0."""
    tensor = operand(graph, op, position, role)
    if tensor.data is not None:
        raise refuse(graph, op, f"{role} '{tensor.name}' is a constant", "fold it when converting the model")
    _activation(graph, op, tensor, role, dtypes)
    return tensor


def activation_output(graph: Graph, op: Op, dtype: str) -> Tensor:
    """Check that the output is a quantised activation of the type of an input that ``activation_input`` has accepted."""
    tensor = output(graph, op)
    if tensor.dtype != dtype and tensor.dtype in q.LIMITS:
        raise refuse(graph, op, f"input is {dtype}, output '{tensor.name}' {tensor.dtype}", "quantise both alike")
    _activation(graph, op, tensor, "output", (dtype,))
    return tensor


def is_wide(graph: Graph, op: Op) -> bool:
    """Whether an operator computes with int16: its output says so."""
    return output(graph, op).dtype == "int16"


def _activation(graph: Graph, op: Op, tensor: Tensor, role: str, dtypes: tuple[str, ...]) -> None:
    if tensor.dtype not in dtypes:
        remedy = _DTYPE_REMEDY.get(tensor.dtype, "quantise the model to int8")
        found = f"is {tensor.dtype}, only {' or '.join(dtypes)} is supported"
        raise refuse(graph, op, f"{role} '{tensor.name}' {found}", remedy)
    if tensor.quant is None:
        raise inconsistent(graph, op, f"{role} '{tensor.name}' has no scale")
    if tensor.quant.per_channel:
        raise refuse(graph, op, f"{role} '{tensor.name}' is quantised per channel", "quantise activations per tensor")
    low, high = q.LIMITS[tensor.dtype] if tensor.dtype == "int8" else (0, 0)
    if tensor.quant.scale <= 0 or not low <= tensor.quant.zero_point <= high:
        found = f"scale {tensor.quant.scale}, zero point {tensor.quant.zero_point}"
        raise inconsistent(graph, op, f"{role} '{tensor.name}' has {found}")
    if tensor.size == 0:
        raise refuse(
            graph, op, f"{role} '{tensor.name}' has the shape {list(tensor.shape)}, no elements", "remove the layer"
        )


def constant(graph: Graph, op: Op, position: int, role: str, dtypes: tuple[str, ...]) -> Tensor:
    """Check that an input is a constant of one of some types."""
    tensor = operand(graph, op, position, role)
    if tensor.dtype not in dtypes:
        remedy = _DTYPE_REMEDY.get(tensor.dtype, "quantise the model to int8")
        raise refuse(
            graph,
            op,
            f"{role} '{tensor.name}' has type {tensor.dtype}, only {' or '.join(dtypes)} is supported",
            remedy,
        )
    if tensor.data is None:
        raise refuse(
            graph, op, f"{role} '{tensor.name}' is computed by the model", "only constants are supported: fold it"
        )
    return tensor


def kept_states(graph: Graph, op: Op, operands: int, positions: tuple[int, ...]) -> None:
    """Check the number of inputs, and that those at some positions are states that only this layer keeps."""
    if len(op.inputs) != operands or not op.outputs:
        raise inconsistent(
            graph, op, f"{len(op.inputs)} inputs and {len(op.outputs)} outputs, expected {operands} and 1"
        )
    kept = {s.read: s.written for s in graph.states}
    written = [kept.get(op.inputs[i], -1) for i in positions]
    if list(op.outputs[1:]) != written:
        names = [graph.tensor(op.inputs[i]).name for i in positions if op.inputs[i] >= 0]
        raise refuse(graph, op, f"its states {names} are not its alone", "give each layer variables of its own")


def symmetric_weights(graph: Graph, op: Op, position: int, role: str, dtypes: tuple[str, ...]) -> Tensor:
    """Check that an input is a constant matrix with one scale and the zero point 0."""
    tensor = constant(graph, op, position, role, dtypes)
    if tensor.quant is None or len(tensor.shape) != 2 or tensor.size == 0 or tensor.quant.scale <= 0:
        raise inconsistent(graph, op, f"{role} '{tensor.name}' have the shape {list(tensor.shape)}, or no scale")
    if tensor.quant.per_channel or tensor.quant.zero_point:
        raise refuse(
            graph,
            op,
            f"{role} '{tensor.name}' have several scales or a zero point",
            "quantise them per tensor, symmetrically",
        )
    return tensor


def values(tensor: Tensor) -> Array:
    """The values of a tensor that ``check`` has found constant."""
    assert tensor.data is not None
    return tensor.data


def activation_limits(graph: Graph, op: Op, activation: str) -> tuple[int, int]:
    """Lowest and highest value of the output's type after a fused activation; refuses those that are not a clamp."""
    if activation not in q.ACTIVATIONS:
        raise refuse(graph, op, f"fused activation {activation}", f"only {', '.join(q.ACTIVATIONS)} are supported")
    tensor = output(graph, op)
    try:
        return q.activation_range(activation, quant_of(tensor), tensor.dtype)
    except OverflowError as error:
        raise inconsistent(graph, op, f"scale of output '{tensor.name}': {error}") from error


def multiplier(graph: Graph, op: Op, real: float, what: str, max_shift: int = 30) -> tuple[int, int]:
    """A real as Q31 mantissa and exponent within the range of the module format."""
    mantissa, shift = q.quantize_multiplier(real)
    if shift > max_shift:
        raise inconsistent(graph, op, f"{what} is {real:g}: the scales do not go together")
    return mantissa, shift


def field_limits(graph: Graph, op: Op, fields: Mapping[str, int], limit: int) -> None:
    """Check that geometry lies in 1 to ``limit``, which the module's record can hold."""
    for name, value in fields.items():
        if not 1 <= value <= limit:
            raise refuse(graph, op, f"{name} is {value}", f"supported are 1 to {limit}")


def same_shape(graph: Graph, op: Op, shape: tuple[int, ...], expected: tuple[int, ...], role: str) -> None:
    """Check a shape that follows from others."""
    if shape != expected:
        raise inconsistent(graph, op, f"{role} has the shape {list(shape)}, expected {list(expected)}")
