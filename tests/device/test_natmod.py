"""_tinyml as a dynamic native module on stock firmware, which has neither it nor the package."""

from __future__ import annotations

import contextlib
from functools import cache

import numpy as np
import pytest

from tests.support import golden, network_int16, oracle, wakewords, zoo_int16
from tests.support.devices import Bench, bench
from tests.support.small_module import remembering_tflite
from tests.support.streaming_tflite import streaming_tflite
from tests.support.zoo import SHAPE, zoo_tflite
from tinymlaas.compile import compile_model
from tinymlaas.device.install import PACKAGE_DIR, install
from tinymlaas.graph import Graph
from tinymlaas.target import Board, board_by_name
from tinymlaas.toolchain.natmod import ARCHES, build_natmod

DIGITS = golden.digits()
MODULE = compile_model(DIGITS.data, "digits").module
ZOO = zoo_tflite()
ZOO_MODULE = compile_model(ZOO, "zoo").module
# Of int16: a network, and every operator without weights.
INT16 = {
    "network_int16": (network_int16.network(), network_int16.SHAPE),
    "zoo_int16": (zoo_int16.zoo_int16_tflite(), zoo_int16.SHAPE),
}
INT16_MODULES = {name: compile_model(model, name).module for name, (model, _) in INT16.items()}
# Models with a state: layers that keep it (SVDF, LSTM), and variables that are read and assigned.
STATES = ["small_layers", "small_variables", "okay_nabu", *golden.REMEMBERING]
SMALL = {"small_layers": remembering_tflite, "small_variables": streaming_tflite}
STEPS = 6


@cache
def remembering(name: str) -> bytes:
    """A model with a state; skips the test where it is not there."""
    if name in golden.REMEMBERING:
        golden.require()
        return golden.model(name)
    return wakewords.model(name) if name == "okay_nabu" else SMALL[name]()


def state_files() -> dict[str, bytes]:
    """Modules of the models with a state that are there."""
    files = {}
    for name in STATES:
        with contextlib.suppress(pytest.skip.Exception):
            files[f"{name}.tml"] = compile_model(remembering(name), name).module
    return files


# Each board with its own kind of native module, then Cortex-M3 and M4 with those of lesser cores.
CASES = [
    ("unix", "x64"),
    ("qemu-m3", "armv7m"),
    ("qemu-m4", "armv7emsp"),
    ("qemu-rv32", "rv32imc"),
    ("pico", "armv6m"),
    ("qemu-m7", "armv7emsp"),
    ("qemu-m33", "armv7emsp"),
    ("qemu-m55", "armv7emsp"),
    ("qemu-m3", "armv6m"),
    ("qemu-m4", "armv6m"),
    ("qemu-m4", "armv7m"),
]
FOREIGN = {"rv32imc": "armv6m"}  # what is put in the way of each; else that of RV32


def natmod(arch: str) -> bytes:
    return build_natmod(arch).path.read_bytes()


def runtime_files(arch: str) -> dict[str, bytes]:
    package = {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
    return {"lib/_tinyml.mpy": natmod(arch), **package}


def installable(board: Board, arch: str) -> bool:
    """Whether the product's own installer puts it there: boards of this architecture, whose filesystem is not the host's."""
    return board.mpy_arch == arch and board.transport != "unix"


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def started(request):
    board_id, arch = request.param
    install_it = installable(board_by_name(board_id), arch)
    files = {
        "digits.tml": MODULE,
        "zoo.tml": ZOO_MODULE,
        **{f"{name}.tml": module for name, module in INT16_MODULES.items()},
        **state_files(),
        "wrong/_tinyml.mpy": natmod(FOREIGN.get(arch, "rv32imc")),
    }
    with bench(board_id, files if install_it else {**files, **runtime_files(arch)}, stock=True) as board:
        if install_it:
            build_natmod(arch)
            assert "/lib/_tinyml.mpy" in install(board.device)
        else:
            board.run(f"import sys\nsys.path.insert(0, '{board.folder}lib')")
        yield board, arch


@pytest.fixture
def board(started):
    running, _ = started
    running.run("import gc, sys, tinyml, _tinyml\nx = y = None\ngc.collect()")
    running.run(f"m = tinyml.Model('{running.folder}digits.tml')")
    return running


def all_digits(board: Bench, inputs=DIGITS.inputs) -> list[bytes]:
    """Outputs of every input, in order, on the model `m` of the board."""
    out = []
    for frame in inputs:
        board.run(f"m.inputs[0][:] = {frame.tobytes()!r}\nm.run()")
        out.append(board.value("bytes(m.outputs[0])"))
    return out


def test_it_is_the_native_module_for_this_processor(board, started):
    assert board.value("_tinyml.target()") == ARCHES[started[1]]
    assert board.value("_tinyml.__file__").endswith("_tinyml.mpy")


def test_digits_to_the_byte(board):
    assert all_digits(board) == [row.tobytes() for row in DIGITS.outputs]


def test_every_operator_to_the_byte(board):
    image = np.random.default_rng(1).integers(-128, 128, SHAPE).astype(np.int8)
    board.run(f"m = None\nx = tinyml.Model('{board.folder}zoo.tml')\nx.inputs[0][:] = {image.tobytes()!r}\nx.run()")
    expected = oracle.run_all(ZOO, [image], board.value("len(x.outputs)"))
    for i, value in enumerate(expected):
        assert board.value(f"bytes(x.outputs[{i}])") == value.tobytes(), i


@pytest.mark.parametrize("name", INT16)
def test_layers_of_int16_to_the_byte(board, name):
    model, shape = INT16[name]
    image = np.random.default_rng(1).integers(-32768, 32768, shape).astype(np.int16)
    board.run(f"import array\nm = None\nx = tinyml.Model('{board.folder}{name}.tml')")
    board.run(f"x.inputs[0][:] = array.array('h', {image.tobytes()!r})\nx.run()")
    for i, value in enumerate(oracle.run_all(model, [image], board.value("len(x.outputs)"))):
        assert board.value(f"bytes(x.outputs[{i}])") == value.tobytes(), i


def steps_of(graph: Graph) -> np.ndarray:
    tensor = graph.tensor(graph.inputs[0])
    limits = np.iinfo(tensor.dtype)
    return np.random.default_rng(3).integers(limits.min, limits.max + 1, (STEPS, *tensor.shape)).astype(tensor.dtype)


@pytest.mark.parametrize("name", STATES)
def test_states_are_kept_set_and_reset(board, name):
    model = remembering(name)
    steps = steps_of(compile_model(model, name).graph)
    expected = [value.tobytes() for value in oracle.run_steps(model, steps, 1)[0]]
    board.run(f"m = None\nx = tinyml.Model('{board.folder}{name}.tml')\nsteps = {[s.tobytes() for s in steps]!r}")
    board.run(f"""
import array
def after(n, to):
    found = []
    for step in steps[n:to]:
        x.inputs[0][:] = array.array({steps.dtype.char!r}, step)
        x.run()
        found.append(bytes(x.outputs[0]))
    return found
""")
    assert board.value("after(0, 3)") == expected[:3]
    board.run("y = x.get_state()")
    assert board.value("after(3, 6)") == expected[3:]
    board.run("x.set_state(y)")
    assert board.value("after(3, 6)") == expected[3:]
    board.run("x.reset()")
    assert board.value("after(0, 6)") == expected


def test_selftest(board):
    assert board.value("m.selftest()") is True


def test_results_stand_while_memory_is_collected(board):
    frame, expected = DIGITS.inputs[1].tobytes(), DIGITS.outputs[1].tobytes()
    wrong = board.answer(f"""
wrong = 0
for i in range(30):
    x = tinyml.Model('{board.folder}digits.tml')
    views = x.inputs[0], x.outputs[0]
    views[0][:] = {frame!r}
    junk = [bytearray(b'\\xaa' * (17 * i + 1)) for _ in range(5)]
    gc.collect()
    x.run()
    x = None
    gc.collect()
    junk = [bytearray(b'\\x55' * (100 + i)) for _ in range(40)]
    wrong += bytes(views[1]) != {expected!r}
print(wrong)
""")
    assert wrong == 0


def test_a_module_loaded_anew_leaves_old_models_alive(board):
    frame, expected = DIGITS.inputs[2].tobytes(), DIGITS.outputs[2].tobytes()
    board.run(f"m.inputs[0][:] = {frame!r}")
    board.run(
        "for name in ('tinyml', 'tinyml.model', '_tinyml'): sys.modules.pop(name)\ndel tinyml, _tinyml\ngc.collect()"
    )
    board.run("y = [bytearray(b'\\xaa' * 64) for _ in range(300)]\nimport tinyml, _tinyml\ny = None; gc.collect()")
    board.run("m.run()")
    assert board.value("bytes(m.outputs[0])") == expected
    assert board.value(f"tinyml.Model('{board.folder}digits.tml').selftest()") is True


def test_run_allocates_nothing(board):
    board.run("import micropython\nmicropython.heap_lock()\ntry:\n    m.run()\nfinally:\n    micropython.heap_unlock()")


def test_methods_check_the_object_they_are_called_on(board):
    board.run("class Sub(_tinyml.Model): pass")
    for call in ("Sub.run(5)", "Sub.tensor({}, 0)", "_tinyml.Model.run(5)", "_tinyml.Model.selftest([], 0)"):
        assert board.error(call).startswith("TypeError")
    board.run(f"x = Sub(open('{board.folder}digits.tml', 'rb').read())")
    assert board.value("x.selftest(0)") == 0


def test_a_global_named_like_a_builtin_does_no_harm(board):
    board.run("memoryview = 5\nx = m._native.tensor(0)\ndel memoryview")
    assert board.value("len(x)") == 64


def test_errors_have_numbers(board):
    board.run(f"x = bytearray(open('{board.folder}digits.tml', 'rb').read())\nx[16:20] = b'\\0\\0\\0\\x04'")
    assert board.error("tinyml.Model(x)").startswith("MemoryError: module: arena needs 67108864 B, largest free block ")
    board.run("x[16:20] = b'\\x10\\0\\0\\0'")
    assert "reaches outside the arena" in board.error("tinyml.Model(x)")


def test_a_native_module_of_another_processor_is_refused(board):
    board.run("for name in ('tinyml', 'tinyml.model', 'tinyml.source', '_tinyml'): sys.modules.pop(name)")
    board.run(f"del _tinyml, tinyml\nsys.path.insert(0, '{board.folder}wrong')")
    try:
        assert board.error("import _tinyml") == "ValueError: incompatible .mpy arch"
        assert board.error("import tinyml").startswith(
            "ImportError: _tinyml.mpy is for another processor or MicroPython"
        )
    finally:
        board.run("sys.path.pop(0)")


def test_soft_reset_and_load_again(started):
    board, arch = started
    if board.board.transport == "unix":
        pytest.skip("a process has no soft reset")
    board.soft_reset()
    if not installable(board.board, arch):
        board.run(f"import sys\nsys.path.insert(0, '{board.folder}lib')")
    board.run(f"import tinyml\nm = tinyml.Model('{board.folder}digits.tml')")
    assert all_digits(board, DIGITS.inputs[:3]) == [row.tobytes() for row in DIGITS.outputs[:3]]


def test_without_the_native_module_import_says_what_to_do():
    package = {name: data for name, data in runtime_files("x64").items() if name != "lib/_tinyml.mpy"}
    with bench("unix", package, stock=True) as unix:
        unix.run("import sys\nsys.path.insert(0, 'lib')")
        said = unix.error("import tinyml")
    assert said.startswith("ImportError: no module named '_tinyml': this firmware has no _tinyml; install")
