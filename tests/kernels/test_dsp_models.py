"""Whole models with the DSP kernels, bit for bit: C models on this machine, the instructions themselves in QEMU."""

import numpy as np
import pytest

from tests.support import golden
from tests.support.devices import bench
from tests.support.dsp_shapes import models
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import NativeLibrary
from tinymlaas.device.install import PACKAGE_DIR
from tinymlaas.run import run_module
from tinymlaas.toolchain.hostlib import build_hostlib
from tinymlaas.toolchain.natmod import build_natmod

BOARDS = ["qemu-m4"]
FEW = 3  # vectors on the laptop; the boards run all


@pytest.mark.parametrize("name", golden.SEVEN)
def test_c_models(name):
    golden.require()
    vectors = golden.vectors(name)
    module = compile_model(golden.model(name), name, "m4").module
    model = NativeLibrary(build_hostlib("m4")).load(module)
    assert model.selftest() == [0, 0]
    for value, expected in zip(vectors.inputs[:FEW], vectors.outputs, strict=False):
        assert np.array_equal(model.run([value])[0], expected)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", golden.SEVEN)
def test_boards(name, board):
    golden.require()
    vectors = golden.vectors(name)
    module = compile_model(golden.model(name), name, "m4").module
    result = run_module(module, name, board, vectors.inputs)
    wrong = [i for i in range(len(vectors.inputs)) if not np.array_equal(result.outputs[0][i], vectors.outputs[i])]
    assert not wrong, f"{len(wrong)} of {len(vectors.inputs)} vectors differ, first: {wrong[0]}"


def test_digits():
    digits = golden.digits()
    model = NativeLibrary(build_hostlib("m4")).load(compile_model(digits.data, "digits", "m4").module)
    for value, expected in zip(digits.inputs[:20], digits.outputs, strict=False):
        assert np.array_equal(model.run([value])[0].ravel(), np.ravel(expected))


def test_native_module_on_stock_firmware():
    digits = golden.digits()
    files = {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
    files |= {"lib/_tinyml.mpy": build_natmod("armv7emsp").path.read_bytes()}
    files |= {"digits.tml": compile_model(digits.data, "digits", "m4").module}
    with bench("qemu-m4", files, stock=True) as board:
        board.run(f"import sys\nsys.path.insert(0, '{board.folder}lib')\nimport tinyml")
        board.run(f"m = tinyml.Model('{board.folder}digits.tml')")
        assert board.value("m.selftest()") is True
        for frame, expected in zip(digits.inputs[:5], digits.outputs, strict=False):
            board.run(f"m.inputs[0][:] = {frame.tobytes()!r}\nm.run()")
            assert board.value("bytes(m.outputs[0])") == expected.tobytes()


def test_every_shape_at_the_edges_of_tiles():
    files = {f"{name}.tml": compile_model(data, name, "m4").module for name, data in models().items()}
    with bench("qemu-m4", files) as board:
        board.run("import tinyml")
        for name in files:
            assert board.value(f"tinyml.Model('{board.folder}{name}').selftest()") is True, name
