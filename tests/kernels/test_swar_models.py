"""Whole models with the m0plus kernels, bit for bit: C models on this machine, a native module on stock firmware."""

import numpy as np
import pytest

from tests.support import golden
from tests.support.devices import bench
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import NativeLibrary
from tinymlaas.device.install import PACKAGE_DIR
from tinymlaas.toolchain.hostlib import build_hostlib
from tinymlaas.toolchain.natmod import build_natmod

FEW = 3  # vectors of the large models


@pytest.mark.parametrize("name", golden.SEVEN)
def test_c_models(name):
    golden.require()
    vectors = golden.vectors(name)
    model = NativeLibrary(build_hostlib("m0plus")).load(compile_model(golden.model(name), name, "m0plus").module)
    assert model.selftest() == [0, 0]
    for value, expected in zip(vectors.inputs[:FEW], vectors.outputs, strict=False):
        assert np.array_equal(model.run([value])[0], expected)


def test_native_module_on_stock_firmware():
    digits = golden.digits()
    module = compile_model(digits.data, "digits", "m0plus")
    assert {step.variant for step in module.plan.steps if step.macs} == {"swar"}
    files = {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
    files |= {"lib/_tinyml.mpy": build_natmod("armv6m").path.read_bytes(), "digits.tml": module.module}
    with bench("pico", files, stock=True) as board:
        board.run(f"import sys\nsys.path.insert(0, '{board.folder}lib')\nimport tinyml")
        board.run(f"m = tinyml.Model('{board.folder}digits.tml')")
        assert board.value("m.selftest()") is True
        for frame, expected in zip(digits.inputs[:5], digits.outputs, strict=False):
            board.run(f"m.inputs[0][:] = {frame.tobytes()!r}\nm.run()")
            assert board.value("bytes(m.outputs[0])") == expected.tobytes()
