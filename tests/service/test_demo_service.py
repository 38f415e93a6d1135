"""`make demo-service` as users start it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tinymlaas.toolchain.paths import build_dir


@pytest.mark.slow
def test_the_whole_story() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tinymlaas.demo_service"], capture_output=True, text=True, timeout=600, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    for words in ("both run", "worse", "short", "vouches for", "older", "the server is stopped"):
        assert words in done.stdout
    assert len(list((build_dir() / "demo-service").glob("*.png"))) >= 8
