"""Release keys put on a stock Pico through its serial port, and what deploy does with signed and other modules then."""

import itertools
import json

import pytest
from typer.testing import CliRunner

from tests.device.test_deploy import Cut, Cutter
from tests.support.signing import BY_RELEASE, OTHER_PUBLIC, PLAIN, RELEASE_PUBLIC
from tinymlaas import sign
from tinymlaas.cli.app import app
from tinymlaas.device.install import KEYS_PATH
from tinymlaas.device.keys import install_keys
from tinymlaas.device.pico import EmulatedPico
from tinymlaas.errors import DeviceError
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware
from tinymlaas.toolchain.natmod import build_natmod, build_verifier

FINGERPRINTS = "import tinyml.trust\nprint(tinyml.trust.fingerprints())"


@pytest.fixture(scope="module")
def pico():
    build_natmod("armv6m")
    build_verifier("armv6m")
    with EmulatedPico(build_firmware(board_by_name("pico"), stock=True).image) as device:
        yield device


def call(pico, *words):
    """The JSON that a command prints which talks to the board."""
    with pico.pty() as port:
        result = CliRunner().invoke(app, [*map(str, words), "--on", port, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_board_takes_keys_and_then_only_what_they_answer_for(pico, tmp_path):
    (tmp_path / "plain.tml").write_bytes(PLAIN)
    (tmp_path / "signed.tml").write_bytes(BY_RELEASE)
    assert call(pico, "deploy", tmp_path / "plain.tml")["selftest_passed"]
    told = call(pico, "deploy", tmp_path / "signed.tml", "--dry-run")
    assert told["would_install"] == ["_tinyml_ed25519"]  # the module is signed

    done = call(pico, "keys", "install", RELEASE_PUBLIC.hex(), OTHER_PUBLIC.hex(), "--epoch", 2)
    assert done["path"] == KEYS_PATH
    assert done["keys"] == [sign.fingerprint(RELEASE_PUBLIC), sign.fingerprint(OTHER_PUBLIC)]
    assert call(pico, "deploy", tmp_path / "plain.tml", "--dry-run")["would_install"] == []

    with pytest.raises(DeviceError, match=r"plain\.tml: not signed, and this device has release keys"):
        call(pico, "deploy", tmp_path / "plain.tml")
    assert call(pico, "deploy", tmp_path / "signed.tml")["selftest_passed"]


def test_a_connection_lost_while_keys_are_replaced_leaves_some_that_work(pico):
    old, new = sign.device_keys([RELEASE_PUBLIC]), sign.device_keys([OTHER_PUBLIC], 5)
    expected = [[sign.fingerprint(RELEASE_PUBLIC)], [sign.fingerprint(OTHER_PUBLIC)]]
    found = []
    for allowed in itertools.count():
        install_keys(pico, old)
        try:
            install_keys(Cutter(pico, allowed), new)
        except Cut:
            pico.soft_reset()
            found.append(json.loads(pico.exec(FINGERPRINTS).decode().replace("'", '"')))
        else:
            break
    assert len(found) > 5
    assert all(keys in expected for keys in found)
    assert found[0] == expected[0]
    assert found[-1] == expected[1]


def test_fat_cannot_replace_a_file_and_no_moment_is_without_keys(pico):
    """Between removing the old file and renaming the new one."""
    install_keys(pico, sign.device_keys([RELEASE_PUBLIC]))
    pico.exec(f"import os\nos.rename({KEYS_PATH!r}, {KEYS_PATH + '.new'!r})")
    pico.soft_reset()
    assert pico.exec(FINGERPRINTS).decode().strip() == str([sign.fingerprint(RELEASE_PUBLIC)])
    pico.exec(f"import os\nos.rename({KEYS_PATH + '.new'!r}, {KEYS_PATH!r})")
