"""Every name of tinyml.Model, on real MicroPython: results, memory, and what each error says."""

import json
import struct
import subprocess

import numpy as np
import pytest

from tests.support import golden
from tests.support.devices import bench
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.compile import compile_model
from tinymlaas.device.pico import CYCLE_COUNTER_ADDRESS
from tinymlaas.planfmt import HEADER, RUNTIME_VERSION, TARGETS
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware
from tinymlaas.unpack import unpack

BOARDS = ["unix", "qemu-m3", "pico"]
LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ARENA_TOO_LARGE = 64 << 20

DIGITS = golden.digits()
MODULE = compile_model(DIGITS.data, "digits", metadata={"labels": LABELS}).module
INFO = unpack(MODULE)
FRAME = DIGITS.inputs[0].tobytes()


def patched(data, **fields):
    """The module with other values in its header."""
    out = bytearray(data)
    for field, offset in zip(HEADER.fields, HEADER.offsets(), strict=True):
        if field.name in fields:
            struct.pack_into({"u16": "<H", "u32": "<I"}[field.type], out, offset, fields[field.name])
    return bytes(out)


def with_wrong_weights():
    """Still a sound module, but not the one that was compiled."""
    out = bytearray(MODULE)
    for name, record in INFO.records:
        if name == "CONV_2D":
            out[record["weights"] : record["weights"] + 64] = bytes(64)
    return bytes(out)


def two_inputs():
    """ADD of two int8 tensors of three."""
    specs = [TensorSpec((1, 3), 0.5, 1), TensorSpec((1, 3), 0.25, -2), TensorSpec((1, 3), 0.5, 0)]
    return compile_model(single_op("ADD", specs), "sum").module


FILES = {
    "digits.tml": MODULE,
    "plain.tml": compile_model(DIGITS.data, "plain").module,
    "sum.tml": two_inputs(),
    "huge.tml": patched(MODULE, arena_bytes=ARENA_TOO_LARGE),
    "new.tml": patched(MODULE, format_version=9),
    "later.tml": patched(MODULE, min_runtime=200),
    "other.tml": patched(MODULE, target=200),
    "short.tml": MODULE[:-7],
    "damaged.tml": MODULE[:-1] + bytes([MODULE[-1] ^ 1]),
    "wrong.tml": with_wrong_weights(),
    "notes.txt": b"not a network" * 20,
    "tiny.txt": b"?",
    "empty.tml": b"",
}


@pytest.fixture(scope="module", params=BOARDS)
def started(request):
    with bench(request.param, FILES) as running:
        running.run(f"import gc, sys, tinyml, _tinyml, micropython\nfrom array import array\nd = {running.folder!r}")
        running.run("m = tinyml.Model(d + 'digits.tml')")
        yield running


@pytest.fixture
def board(started):
    started.run("x = y = None\ngc.collect()")
    return started


# What the model says of itself


def test_sizes_are_those_of_the_module(board):
    in_place = board.value("m.weights_in_place")
    assert in_place == (board.board.transport != "unix")
    assert board.value("(m.arena_bytes, m.module_bytes, m.ram)") == (
        INFO.arena_bytes,
        len(MODULE),
        INFO.arena_bytes + (0 if in_place else len(MODULE)),
    )


@pytest.mark.parametrize("way", ["input", "output"])
def test_tensors_are_described(board, way):
    tensors = {"input": INFO.inputs, "output": INFO.outputs}[way]
    for name in ("shape", "dtype", "scale", "zero_point"):
        assert board.value(f"m.{way}_{name}") == tuple(getattr(t, name) for t in tensors)


def test_metadata_and_labels(board):
    assert board.value("m.metadata") == INFO.metadata
    assert board.value("m.labels") == LABELS
    assert board.value("tinyml.Model(d + 'plain.tml').labels") == [str(i) for i in range(10)]


def test_repr(board):
    where = "in place" if board.value("m.weights_in_place") else "in RAM"
    said = board.run("print(m)").decode().strip()
    assert said == f"<Model digits 8x8x1 int8 -> 10  arena {INFO.arena_bytes / 1024:.1f} KB  weights {where}>"


# Running


@pytest.mark.parametrize(
    "source",
    [
        "open(d + 'digits.tml', 'rb').read()",
        "bytearray({})",
        "memoryview({})",
        "memoryview(bytes(5) + {})[5:]",
        "array('B', {})",
    ],
)
def test_a_buffer_serves_as_well_as_a_path(board, source):
    source = source.format("open(d + 'digits.tml', 'rb').read()")
    board.run(f"x = tinyml.Model({source})\nx.inputs[0][:] = {FRAME!r}\nx.run()")
    assert board.value("bytes(x.outputs[0])") == DIGITS.outputs[0].tobytes()
    assert board.value("x.weights_in_place, x.ram") == (False, INFO.arena_bytes + len(MODULE))


def test_views_are_typed_and_reach_the_arena(board):
    assert board.value("[(type(v).__name__, len(v)) for v in m.inputs + m.outputs]") == [
        ("memoryview", 64),
        ("memoryview", 10),
    ]
    board.run(f"m.inputs[0][:] = {FRAME!r}\nm.run()")
    assert tuple(board.value("list(m.outputs[0])")) == tuple(DIGITS.outputs[0].ravel())


@pytest.mark.parametrize("length", [0, 63, 65])
def test_an_input_of_the_wrong_length_is_refused(board, length):
    assert board.error(f"m.inputs[0][:] = bytes({length})").startswith("ValueError")


def test_run_and_input_writes_allocate_nothing(board):
    board.run(f"x = open(d + 'digits.tml', 'rb'); y = m.inputs[0]; frame = {FRAME!r}")
    board.run("""
def fill():
    for i in range(64):
        y[i] = frame[i] - 256 if frame[i] > 127 else frame[i]
micropython.heap_lock()
try:
    fill()
    m.run()
    m.reset()
    used = gc.mem_alloc()
    for i in range(3):
        m.run()
    grown = gc.mem_alloc() - used
    x.readinto(y)
finally:
    micropython.heap_unlock()
""")
    assert board.value("grown") == 0
    assert board.value("bytes(y)") == MODULE[:64]


def test_views_keep_the_arena_when_the_model_is_gone(board):
    free = board.answer("""
x = tinyml.Model(d + 'digits.tml').inputs[0][4:]
gc.collect()
for i in range(60):
    x[i] = i - 30
y = []
gc.collect()
while gc.mem_free() > 40000 and len(y) < 600:
    y.append(bytearray(b'\\x55' * 256))
print(len(y))
""")
    assert free > 100
    assert board.value("list(x)") == list(range(-30, 30))
    board.run("for i in range(60): x[i] = -1")
    assert board.value("all(b == b'\\x55' * 256 for b in y)")


def test_fresh_model_repeats_itself_on_unset_inputs(board):
    board.run("y = bytearray(b'\\x7f' * 9000); y = None; gc.collect()\nx = tinyml.Model(d + 'digits.tml')")
    assert board.value("bytes(x.inputs[0])") == bytes(64)


def test_selftest(board):
    assert board.value("m.selftest()") is True
    assert board.value("tinyml.Model(d + 'wrong.tml', verify=False).selftest()") is False
    board.run("m.reset()")


COUNTERS = {"pico": CYCLE_COUNTER_ADDRESS, "qemu-m3": 0x40028018, "unix": 0}


def test_native_profile_accounts_for_the_whole_run(board):
    address = COUNTERS[board.board.id]
    board.run(f"m.inputs[0][:] = {FRAME!r}\ny = m._native.profile({address})")
    assert board.value("bytes(m.outputs[0])") == DIGITS.outputs[0].tobytes()
    ticks = board.value("y")
    assert len(ticks) == len(INFO.records)
    board.run(f"m.inputs[0][:] = {FRAME!r}")
    whole = board.value(f"m._native.run_counted({address})")
    assert sum(ticks) == pytest.approx(whole, rel=0.01)
    assert all(t > 0 for t in ticks) == (address != 0)


# Real numbers


def test_predict_takes_and_gives_real_numbers(board):
    picture = ((DIGITS.inputs[0].astype(int) + 128) / 16).ravel()
    expected = (DIGITS.outputs[0].astype(int).ravel() + 128) / 256
    nested = picture.reshape(1, 8, 8, 1).tolist()
    for text in (repr(nested), repr(tuple(picture.tolist())), f"array('f', {picture.tolist()})"):
        (output,) = board.value(f"m.predict([{text}])")
        assert output == pytest.approx(expected.tolist(), rel=1e-6)  # single precision on boards


def test_predict_with_two_inputs(board):
    board.run("x = tinyml.Model(d + 'sum.tml')")
    assert board.value("x.predict([[1, 2.5, -3], (0.25, 0.5, True)])") == [[1.5, 3.0, -2.0]]
    assert board.value("(x.input_shape, x.input_scale)") == (((1, 3), (1, 3)), (0.5, 0.25))


def test_quantising_rounds_half_away_from_zero_and_saturates(board):
    values = [0, 0.5, -0.5, 1.5, -1.5, 2.5, 0.49999997, -0.49999997, 126.5, 127.5, -128.5, -129, 1e9, -1e30, 3e38]
    board.run("from tinyml.quant import quantize_into")
    board.run(f"x = array('b', bytes({len(values)}))")
    board.run(f"quantize_into(x, {values}, 'int8', 1.0, 0)")
    rounded = [np.copysign(np.floor(np.abs(v) + 0.5), v) if abs(v) != 0.49999997 else 0 for v in values]
    assert board.value("list(x)") == np.clip(rounded, -128, 127).astype(int).tolist()
    board.run(f"quantize_into(x, [float('inf')] * 7 + [-float('inf')] * {len(values) - 7}, 'int8', 0.1, 5)")
    assert board.value("list(x)") == [127] * 7 + [-128] * (len(values) - 7)


@pytest.mark.parametrize(
    ("code", "dtype", "expected"),
    [
        ("B", "uint8", [0, 12, 255]),
        ("h", "int16", [-32768, 12, 32767]),
        ("i", "int32", [-(2**31), 12, 2**31 - 1]),
        ("B", "bool", [0, 1, 1]),
    ],
)
def test_quantising_to_every_dtype(board, code, dtype, expected):
    board.run(f"from tinyml.quant import quantize_into\nx = array({code!r}, [0, 0, 0])")
    board.run(f"quantize_into(x, [-1e20, 4, 1e20], {dtype!r}, 0.5, 4)")
    assert board.value("list(x)") == expected


def test_top(board):
    board.run(f"m.inputs[0][:] = {FRAME!r}\nm.run()")
    raw = DIGITS.outputs[0].ravel().astype(int)
    order = sorted(range(10), key=lambda i: (-raw[i], i))
    labels, shares = zip(*board.value("m.top(10)"), strict=True)
    assert labels == tuple(LABELS[i] for i in order)
    assert shares == pytest.approx([(raw[i] + 128) / 256 for i in order], rel=1e-6)  # single precision on boards
    assert board.value("m.top() == m.top(10)[:1] and m.top(99) == m.top(10)")
    assert board.value("m.top(0)") == []
    board.run("x = tinyml.Model(d + 'plain.tml')\nfor i in range(10): x.outputs[0][i] = i // 9")
    assert [(label, round(share, 6)) for label, share in board.value("x.top(3)")] == [
        ("9", 0.503906),
        ("0", 0.5),
        ("1", 0.5),
    ]


def test_a_subclass_may_add_to_run(board):
    board.run("""
class Counted(tinyml.Model):
    runs = 0
    def run(self):
        super().run()
        self.runs += 1
x = Counted(d + 'digits.tml')
x.predict([[0] * 64])
""")
    assert board.value("x.runs") == 1


# Errors


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("notes.txt", "not a tinyml module; make one with: tinymlaas convert MODEL.tflite -o MODEL.tml"),
        ("tiny.txt", "not a tinyml module; make one with: tinymlaas convert MODEL.tflite -o MODEL.tml"),
        ("empty.tml", "not a tinyml module; make one with: tinymlaas convert MODEL.tflite -o MODEL.tml"),
        ("short.tml", f"{len(MODULE) - 7} B, its header says {len(MODULE)}: cut short or extended, upload it again"),
        ("damaged.tml", "SHA-256 does not match: the file is damaged, upload it again"),
        ("new.tml", "module format 9, this tinyml reads 1: convert the model again or update tinyml"),
        ("later.tml", f"needs tinyml runtime 200, this is {RUNTIME_VERSION}"),
    ],
)
def test_a_bad_file_is_refused(board, name, message):
    assert board.error(f"tinyml.Model(d + {name!r})") == f"ValueError: {board.folder}{name}: {message}"


def test_a_module_for_another_target_is_refused_by_name(board):
    mine = board.board.kernel_target
    other = next(t for t in TARGETS if t not in ("any", mine))
    for code, name in ((TARGETS[other], other), (200, "200")):
        board.run(f"x = bytearray(open(d + 'digits.tml', 'rb').read()); x[12] = {code}")
        said = board.error("tinyml.Model(x)")
        how = f"tinymlaas convert --target {mine}"
        assert said == f"ValueError: module: made for kernel target {name}, this board runs {mine}; use: {how}"
    board.run(f"x[12] = {TARGETS[mine]}")
    assert board.value("tinyml.Model(x).selftest()")


def test_a_missing_file_is_named(board):
    assert board.error("tinyml.Model(d + 'absent.tml')") == f"OSError: [Errno 2] ENOENT: {board.folder}absent.tml"


def test_an_arena_that_does_not_fit_is_refused_with_numbers(board):
    said = board.error("tinyml.Model(d + 'huge.tml')")
    begin = f"MemoryError: {board.folder}huge.tml: arena needs {ARENA_TOO_LARGE} B, largest free block "
    assert said.startswith(begin)
    largest = int(said.removeprefix(begin).split()[0])
    board.run(f"gc.collect(); x = bytearray({largest - 512})")
    board.run("x = None; gc.collect()")
    module = 0 if board.value("m.weights_in_place") else len(MODULE)  # was in the heap then
    assert board.error(f"x = bytearray({largest + module + 4096})").startswith("MemoryError")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("[]", "ValueError: predict() takes a list of 1 inputs, got 0; for one input write predict([x])"),
        ("[0] * 64", "ValueError: predict() takes a list of 1 inputs, got 64; for one input write predict([x])"),
        ("[[0] * 63]", "ValueError: input has 63 values, model takes 64"),
        ("[[[0] * 65]]", "ValueError: input has 65 values, model takes 64"),
        ("[[0] * 63 + [float('nan')]]", "ValueError: input is not a number (nan)"),
        ("[[0] * 63 + ['7']]", "TypeError: input holds text, numbers are needed: '7'"),
    ],
)
def test_predict_refuses_other_inputs(board, inputs, message):
    assert board.error(f"m.predict({inputs})") == message


@pytest.mark.parametrize("source", ["5", "None", "[1, 2]"])
def test_what_is_neither_path_nor_buffer_is_refused(board, source):
    assert board.error(f"tinyml.Model({source})") == "TypeError: object with buffer protocol required"


def test_methods_check_the_object_they_are_called_on(board):
    board.run("class Sub(_tinyml.Model): pass")
    for call in ("Model.run(5)", "Model.tensor([], 0)", "Model.selftest('', 0)", "Model.run(_tinyml.Model)"):
        assert board.error(f"_tinyml.{call}").startswith("TypeError")
    for call in ("run(5)", "run([])", "tensor({}, 0)", "selftest(None, 0)", "run_counted(b'', 0)", "profile(0, 0)"):
        assert board.error(f"Sub.{call}") == "TypeError: not a _tinyml.Model"
    assert board.error("_tinyml.Model()").startswith("TypeError")
    assert board.error("m._native.tensor(2)") == "IndexError: 2"
    assert board.error("m._native.tensor(-1)") == "IndexError: -1"
    board.run(f"x = Sub(open(d + 'digits.tml', 'rb').read()); x.tensor(0)[:] = {FRAME!r}; x.run()")
    assert board.value("bytes(x.tensor(1))") == DIGITS.outputs[0].tobytes()


# A heap too small


def test_a_heap_that_holds_the_arena_but_not_the_module():
    with bench("unix", {"digits.tml": MODULE}, heap_bytes=80_000) as small:
        small.run("import gc, tinyml\ngc.collect()\nfill = bytearray(gc.mem_free() - 6000)")
        said = small.error("tinyml.Model('digits.tml')")
        assert said.startswith(f"MemoryError: digits.tml: module needs {len(MODULE)} B, largest free block ")
        assert said.endswith("; put it in ROMFS, where it runs in place, or use a smaller model")
        small.run("fill = None")
        assert small.value("tinyml.Model('digits.tml').selftest()")


def test_any_heap_ends_in_a_result_or_a_memory_error(tmp_path):
    (tmp_path / "digits.tml").write_bytes(MODULE)
    program = "import tinyml\nprint(tinyml.Model('digits.tml').selftest())"
    image, said = build_firmware(board_by_name("unix")).image, []
    for heap_bytes in range(6_000, 30_000, 1_000):
        command = [str(image), "-X", f"heapsize={heap_bytes}", "-c", program]
        done = subprocess.run(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        said.append(done.stdout.strip().splitlines()[-1])
        assert done.returncode == (0 if said[-1] == "True" else 1), said
    assert all(line == "True" or line.startswith("MemoryError: ") for line in said)
    assert any("module needs" in line for line in said)
    assert said[-1] == "True"


def test_metadata_is_not_needed_to_run():
    assert json.dumps(INFO.metadata, separators=(",", ":"), sort_keys=True).encode() in MODULE
    bare = patched(MODULE, metadata_bytes=0)
    with bench("unix", {"bare.tml": bare}) as unix:
        unix.run("import tinyml\nx = tinyml.Model('bare.tml')")
        assert unix.value("(x.metadata, x.labels[9], x.selftest(), repr(x)[:9])") == ({}, "9", True, "<Model ? ")
