"""``python -m tests.fuzz.seeds``: makes the corpora from which fuzzing begins, one small model per operator and kernel variant."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.models import SINGLE_OPS
from tests.support.small_module import small_module, small_streaming, small_tflite
from tests.support.streaming_tflite import streaming_tflite
from tinymlaas.compile import compile_model
from tinymlaas.errors import TinymlError
from tinymlaas.sign import new_key, sign

CORPUS = Path(__file__).with_name("corpus")
MODULES, MODELS = CORPUS / "module", CORPUS / "importer"
TARGETS = ("any", "m0plus", "m4", "rv32")
_MOST_BYTES = 2500
_EXAMPLES = 40


def main() -> None:
    """Writes what is not there yet; what is there stays. To have a new operator in the files of all operators, delete these first."""
    _write(MODELS / "every_operator.tflite", small_tflite())
    _write(MODELS / "streaming.tflite", streaming_tflite())
    _write(MODULES / "every_operator.tml", small_module())
    _write(MODULES / "streaming.tml", small_streaming())
    _write(MODULES / "streaming_that_computes.tml", compile_model(streaming_tflite(), "streaming").module)
    _write(MODULES / "signed.tml", sign(small_module(), new_key(), 1))
    for name, models in SINGLE_OPS.items():
        for kind, (model, module) in _smallest(name, models).items():
            _write(MODELS / f"{_file_name(name)}.tflite", model)
            _write(MODULES / f"{_file_name(name)}-{kind}.tml", module)


def _smallest(name: str, models: st.SearchStrategy[bytes]) -> dict[str, tuple[bytes, bytes]]:
    """Kernel of the first layer, and target where it is one of its own → the smallest of some examples: model, module."""
    best: dict[str, tuple[bytes, bytes]] = {}

    @settings(max_examples=_EXAMPLES, deadline=None, derandomize=True, database=None,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(models)
    def look(model: bytes) -> None:
        for target in TARGETS:
            try:
                compiled = compile_model(model, name.lower(), target)
            except TinymlError:
                continue
            variant = compiled.plan.steps[0].variant if compiled.plan.steps else "none"
            kind = variant if variant in ("plain", "none") else f"{variant}-{target}"
            if len(compiled.module) < len(best[kind][1] if kind in best else b"0" * _MOST_BYTES):
                best[kind] = (model, compiled.module)

    look()
    return best


def _file_name(name: str) -> str:
    return name.lower().replace(" ", "_")


def _write(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
