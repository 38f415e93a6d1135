"""The power fails at every write of an update, on littlefs and on FAT: something that works boots, and the update can be completed."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import golden
from tests.support.signing import RELEASE, RELEASE_PUBLIC
from tinymlaas import sign
from tinymlaas.compile import compile_model
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

PROGRAM = Path(__file__).parent / "micropython" / "power_cuts.py"
LEAST = 30  # writes that the shortest story takes, with large pages


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """Paths of version 1 and 2."""
    folder = tmp_path_factory.mktemp("modules")
    module = compile_model(golden.digits().data, "digits").module
    for version in (1, 2):
        (folder / f"{version}.tml").write_bytes(sign.sign(module, RELEASE, version))
    return [folder / "1.tml", folder / "2.tml"]


@pytest.mark.parametrize("program_bytes", [16, 256, 0], ids=["pages16", "pages256", "fat"])
@pytest.mark.parametrize("story", ["first", "second", "refused", "replaced"])
def test_every_cut_leaves_a_working_model_and_an_update_that_can_be_completed(modules, story, program_bytes):
    binary = build_firmware(board_by_name("unix")).image
    command = [binary, PROGRAM, *modules, story, sign.device_keys([RELEASE_PUBLIC]), str(program_bytes)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])  # before it: files that the collector closed after a cut
    assert found["points"] >= LEAST
    print(f"{story}, {program_bytes or 'FAT'}: {found['points']} cuts, {found['twice']} pairs of cuts")
