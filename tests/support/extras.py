"""Commands and training scripts in the environment of an optional extra."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import extras

LARGE = {"onnx": 3, "torch": 4}  # GB on disk; the tests of keras install what they need themselves
FOLDER = Path(__file__).resolve().parents[1] / "quantize"


def train(extra: str, folder: Path) -> None:
    """Runs train_EXTRA.py, which writes its models into the folder."""
    _run(extra, f"train_{extra}.py", [folder])


def quantize(extra: str, *commands: list[str | Path]) -> list[dict]:
    """`tinymlaas quantize` with each of the argument lists: `code`, `out`, `err`."""
    asked = json.dumps([["quantize", *map(str, words)] for words in commands])
    return json.loads(_run(extra, "batch.py", [], asked).splitlines()[-1])


def _run(extra: str, script: str, arguments: list, stdin: str = "") -> str:
    if extra in LARGE and not extras.is_installed(extra):
        pytest.skip(f"the extra '{extra}' ({LARGE[extra]} GB) is not installed: make extras EXTRA={extra}")
    try:
        python = extras.python_of(extra)
    except ToolchainError as error:
        pytest.skip(f"the extra '{extra}' cannot be installed: {str(error).splitlines()[-1][:200]}")
    command = [str(python), str(FOLDER / script), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=extras.environment())
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
