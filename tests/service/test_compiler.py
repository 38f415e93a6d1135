"""The compiler's own process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.service import DIGITS
from tinymlaas.demo_service.models import widened
from tinymlaas.service import compiler


def test_a_large_model_on_a_slow_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process takes longer to begin than the first look at it, and the model is larger than a pipe's buffer."""
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 2\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr(compiler, "SECONDS", 60)
    source = widened(DIGITS, [2500])
    assert len(source) > 150_000
    job = compiler.Job("digits", "m0plus")
    assert compiler.compile_apart(source, job).module == compiler.compile_here(source, job).module
