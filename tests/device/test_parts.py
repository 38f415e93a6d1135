"""`tinymlaas deploy --audio --image` on a stock Pico: what it lacks is said, then put there, and then it works."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tests.support import golden
from tests.support.devices import bench
from tinymlaas.cli.app import app
from tinymlaas.compile import compile_model
from tinymlaas.device.install import PARTS, install, probe
from tinymlaas.toolchain.natmod import build_natmod, build_part

NEW = ["_tinyml_audio", "_tinyml_image"]


@pytest.fixture(scope="module")
def stock():
    build_natmod("armv6m")
    for part in NEW:
        build_part("armv6m", part)
    with bench("pico", {}, stock=True) as board:
        yield board


def test_deploy_says_and_installs_what_is_lacking(stock, tmp_path):
    module = tmp_path / "digits.tml"
    module.write_bytes(compile_model(golden.digits().data, "digits").module)
    with stock.device.pty() as port:
        command = ["deploy", str(module), "--on", port, "--no-romfs", "--audio", "--image"]
        said = CliRunner().invoke(app, [*command, "--dry-run"])
        assert said.output.startswith(
            "would install _tinyml, tinyml, _tinyml_audio, _tinyml_image, then write digits.tml"
        )
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        assert "installed /lib/_tinyml_image.mpy" in done.output
    assert install(stock.device, parts=NEW) == []
    assert probe(stock.device, NEW).lacks == ()
    assert probe(stock.device, list(PARTS)).lacks == ("_tinyml_ed25519",)
    stock.run("from tinyml.audio import Features\nf = Features()")
    assert stock.value("len(list(f.feed(bytes(3200))))") == 8
