"""Environments for the optional extras that quantise: TensorFlow, onnx2tf and PyTorch want versions that exclude each other.

Each is a folder ``.venv-EXTRA`` with pinned packages and a ``bin/tinymlaas`` that runs from the sources.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import paths, process, stamps

# Requirement files of each extra; what an environment holds is all of them.
EXTRAS = {
    "keras": ("requirements.txt", "requirements-train.txt"),
    "onnx": ("requirements-onnx.txt",),
    "torch": ("requirements-torch.in",),  # which of PyTorch's builds it is depends on the machine: no hashes
}


def python_of(extra: str) -> Path:
    """The Python of an extra's environment, which is installed first when it is not there. Raises ToolchainError."""
    folder = paths.REPO / f".venv-{extra}"
    python, files = folder / "bin" / "python", [paths.REPO / name for name in EXTRAS[extra]]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ToolchainError(f"{missing[0]} is missing; pin it with: make requirements")
    key, stamp = stamps.fingerprint(files, paths.REPO), folder / ".stamp"
    with stamps.lock(f"venv-{extra}"):
        if not stamps.is_current(stamp, key, [python, folder / "bin" / "tinymlaas"]):
            _install(extra, folder, files)
            stamps.write(stamp, key)
    return python


def is_installed(extra: str) -> bool:
    """Whether an extra's environment is there, current or not."""
    return (paths.REPO / f".venv-{extra}" / ".stamp").is_file()


def environment() -> dict[str, str]:
    """Variables with which an extra's Python finds this ``tinymlaas``."""
    return {**os.environ, "PYTHONPATH": str(paths.REPO / "host")}


def _install(extra: str, folder: Path, files: list[Path]) -> None:
    process.say(f"installing the extra '{extra}' into {paths.shown(folder)} (some minutes, 1 to 3 GB)")
    log, what = f"venv-{extra}", f"installing the extra '{extra}'"
    process.run([sys.executable, "-m", "venv", folder], what=what, log=log, fresh_log=True)
    # Without byte code: compiling TensorFlow's takes longer than the tests that import a part of it.
    command = [folder / "bin" / "python", "-m", "pip", "install", "--no-compile"]
    command += ["--require-hashes"] if all(file.suffix == ".txt" for file in files) else []
    wanted = [word for file in files for word in ("-r", str(file))]
    process.run([*map(str, command), "--disable-pip-version-check", *wanted], what=what, log=log, cwd=paths.REPO)
    ours = [folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "-e", "."]
    process.run([*map(str, ours)], what=what, log=log, cwd=paths.REPO)
    if not (folder / "bin" / "python").exists():
        raise ToolchainError(f"{paths.shown(folder)} has no Python; see build/logs/{log}.log")
