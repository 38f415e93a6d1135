"""PyTorch models, by way of litert-torch: exported programs (.pt2), or what a function of a Python file returns."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError, TinymlError, UnsupportedError
from ..graph import Array
from . import extras
from .quiet import quiet
from .source import Pair, Progress, Shape, Source


class TorchModel(Source):
    """A module in evaluation mode. Images (three dimensions without the batch) get their channels last on the device."""

    def __init__(self, name: str, module: Any, shape: Shape | None) -> None:
        self.name = name
        self._module = module
        self._shape = shape

    @property
    def input_shape(self) -> Shape | None:
        return self._shape  # None: a module does not say

    def device_order(self, inputs: Array) -> Array:
        return np.ascontiguousarray(np.moveaxis(inputs, 1, -1)) if inputs.ndim == 4 else inputs

    def quantise(self, inputs: Array, progress: Progress) -> Pair:
        with quiet():
            try:
                float_model = self._float(inputs)
                return Pair(float_model, _int8(float_model, inputs, progress))
            except TinymlError:
                raise
            except Exception as error:  # litert-torch raises anything
                raise UnsupportedError(f"{self.name}: litert-torch cannot convert it: {_reason(error)}") from error

    def interpreter(self) -> Any:
        return extras.load("torch", "ai_edge_litert.interpreter")

    def _float(self, inputs: Array) -> bytes:
        torch, litert = extras.load("torch", "torch"), extras.load("torch", "litert_torch")
        module = litert.to_channel_last_io(self._module, args=[0]) if inputs.ndim == 4 else self._module
        converted = litert.convert(module, (torch.from_numpy(inputs[:1].copy()),))
        return bytes(converted.model_content())


def from_exported(path: Path) -> TorchModel:
    """What ``torch.export.save`` wrote."""
    torch = _torch()
    with quiet():
        try:
            program = torch.export.load(str(path))
            examples = list(program.graph_signature.user_inputs)
            shape = next(n.meta["val"].shape for n in program.graph.nodes if n.name == examples[0])
        except Exception as error:
            raise ModelError(
                f"{path.name}: no exported program: {_reason(error)}; write it with torch.export.save"
            ) from error
    if len(examples) != 1:
        raise UnsupportedError(f"{path.name}: {len(examples)} inputs, one is supported; export it with one")
    fixed = tuple(d if isinstance(d, int) else None for d in shape)
    return TorchModel(path.name, program.module(), fixed[1:])


def from_python(path: Path, attribute: str) -> TorchModel:
    """The module that a name of a Python file is or, called without arguments, returns. Runs the file."""
    torch = _torch()
    found = getattr(_imported(path), attribute, None)
    if found is None:
        raise TinymlError(f"{path}: has no '{attribute}'")
    module = found if isinstance(found, torch.nn.Module) else found()
    if not isinstance(module, torch.nn.Module):
        raise TinymlError(f"{path}: '{attribute}' gives a {type(module).__name__}, not a torch.nn.Module")
    return TorchModel(f"{path.name}:{attribute}", module.eval(), None)


def _torch() -> Any:
    extras.load("torch", "litert_torch")
    return extras.load("torch", "torch")


def _imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise TinymlError(f"{path}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _int8(float_model: bytes, inputs: Array, progress: Progress) -> bytes:
    """Static quantisation by ai-edge-quantizer: int8 weights and activations, in and out."""
    recipe = extras.load("torch", "ai_edge_quantizer.recipe").static_wi8_ai8()
    work = extras.load("torch", "ai_edge_quantizer.quantizer").Quantizer(float_model)
    work.load_quantization_recipe(recipe)
    return bytes(work.quantize(_ranges(float_model, recipe, inputs, progress)).quantized_model)


def _ranges(float_model: bytes, recipe: Any, inputs: Array, progress: Progress) -> Any:
    """Lowest and highest value of each tensor: the quantizer's own moving averages would cut the peaks off."""
    rules = extras.load("torch", "ai_edge_quantizer.recipe_manager").RecipeManager()
    rules.load_quantization_recipe(recipe)
    widest = extras.load("torch", "ai_edge_quantizer.utils.qsv_utils").min_max_update
    calibrator = extras.load("torch", "ai_edge_quantizer.calibrator").Calibrator(
        float_model, num_threads=1, qsv_update_func=widest
    )
    signature, argument = _signature(float_model)
    for i in range(len(inputs)):
        calibrator.calibrate({signature: [{argument: inputs[i : i + 1]}]}, rules)
        progress(i + 1, len(inputs))
    return calibrator.get_model_qsvs()


def _signature(model: bytes) -> tuple[str, str]:
    """Names of the only signature and of its only input."""
    interpreter = extras.load("torch", "ai_edge_litert.interpreter").Interpreter(model_content=model)
    ((signature, parts),) = interpreter.get_signature_list().items()
    (argument,) = parts["inputs"]
    return signature, argument


def _reason(error: BaseException) -> str:
    """One line: the operator that has no int8 kernel, or the first thing said."""
    operator = re.search(r"builtin opcode '(\w+)'", str(error))
    if operator:
        return f"TensorFlow Lite does not run {operator[1]}; replace it in the model or leave it to the application"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
