"""A TensorFlow function → float and int8 .tflite, by TensorFlow's own converter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..errors import TinymlError, UnsupportedError
from ..graph import Array
from . import extras
from .quiet import quiet
from .source import Pair, Progress


def tensorflow() -> Any:
    """TensorFlow, or an error that names the extra."""
    return extras.load("keras", "tensorflow")


def quantise(name: str, function: Any, inputs: Array, progress: Progress) -> Pair:
    """``function`` maps a float32 tensor (1, ...) to the outputs."""
    tf = tensorflow()
    with quiet() as said:
        try:
            spec = tf.TensorSpec((1, *inputs.shape[1:]), tf.float32, name="input")
            fixed = tf.function(function).get_concrete_function(spec)
            float_model = bytes(_converter(tf, fixed).convert())
            return Pair(float_model, _int8(tf, fixed, inputs, progress))
        except TinymlError:
            raise
        except Exception as error:  # the converter raises anything
            raise UnsupportedError(f"{name}: {_reason(str(error), said())}") from error


def interpreter() -> Any:
    """TensorFlow Lite's interpreter as it comes with TensorFlow."""
    return extras.load("keras", "tensorflow.lite.python.interpreter")


def _converter(tf: Any, fixed: Any) -> Any:
    # Without the object that owns the variables: they become constants, which calibration needs.
    return tf.lite.TFLiteConverter.from_concrete_functions([fixed])


def _int8(tf: Any, fixed: Any, inputs: Array, progress: Progress) -> bytes:
    converter = _converter(tf, fixed)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(inputs, progress)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def _samples(inputs: Array, progress: Progress) -> Iterator[list[Array]]:
    for i in range(len(inputs)):
        yield [inputs[i : i + 1]]
        progress(i + 1, len(inputs))


def _reason(error: str, log: str) -> str:
    """One line out of pages: the operators that could not be expressed, or the first thing said."""
    text = error + log
    wanted = r"'(tf\.\w+)' op is neither|(?:Quantization not yet supported for op|Unsupported op)[^']*'(\w+)'"
    operators = sorted({a or b for a, b in re.findall(wanted, text)})
    if operators:
        return f"{', '.join(operators)} cannot be expressed in TensorFlow Lite's int8; replace it in the model or leave it to the host"
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return f"TensorFlow cannot convert it: {first[:300]}"
