"""The emulator's own tests, which run in Node: instruction timing, translated = interpreted code, flash, bus faults."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tinymlaas.device.bootrom import bootrom_path

SUITES = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name)
def test_suite(suite):
    bootrom_path()
    node = shutil.which("node") or shutil.which("nodejs")
    result = subprocess.run([node, "--test", str(suite)], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
