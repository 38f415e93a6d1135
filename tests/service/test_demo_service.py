"""`make demo-service` as users start it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tinymlaas.toolchain.paths import build_dir


@pytest.mark.slow
def test_the_whole_story() -> None:
    """Two minutes are promised to who runs it alone; here other tests run beside it."""
    command = [sys.executable, "-m", "tinymlaas.demo_service", "--within", "300"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    for words in ("both run", "worse", "short", "vouches for", "older", "the server is stopped"):
        assert words in done.stdout
    assert len(list((build_dir() / "demo-service").glob("*.png"))) >= 8
