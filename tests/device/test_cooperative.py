"""Inference in slices on real MicroPython: step, arun, slices out of order, the time of each layer, and what misuse does."""

from __future__ import annotations

from functools import cache

import pytest

from tests.support import golden
from tests.support.devices import bench
from tinymlaas.compile import compile_model
from tinymlaas.planfmt import OPERATORS
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.paths import DEVICE

BOARDS = ["unix", "qemu-m4", "pico"]
DIGITS = golden.digits()
FRAME, OTHER = DIGITS.inputs[0].tobytes(), DIGITS.inputs[1].tobytes()
EXPECTED = DIGITS.outputs[0].tobytes()
REAL = ["kws_ref_model", "pretrainedResnet_quant", "micro_speech_quantized"]

SETUP = """
import asyncio, gc, micropython, time, tinyml, uctypes
def load(name):
    global m, v
    m = tinyml.Model(d + name)
    v = uctypes.bytearray_at(uctypes.addressof(m.inputs[0]), len(m.inputs[0]))
def steps(budget):
    n = 1
    while not m.step(budget):
        n += 1
    return n
def out():
    return bytes(m.outputs[0])
turns = 0
async def other():
    global turns
    while True:
        turns += 1
        await asyncio.sleep_ms(0)
async def beside(budget):
    global turns
    turns, task = 0, asyncio.create_task(other())
    await m.arun(budget)
    task.cancel()
"""


@cache
def files(board_id):
    """The modules, made for the board's own kernels."""
    models = {"digits": DIGITS.data}
    if golden.FOLDER.is_dir():
        models |= {name: golden.model(name) for name in REAL}
    target = board_by_name(board_id).kernel_target
    return {f"{name}.tml": compile_model(content, name, target).module for name, content in models.items()}


@pytest.fixture(scope="module", params=BOARDS)
def started(request):
    with bench(request.param, files(request.param)) as running:
        running.run(f"d = {running.folder!r}\n{SETUP}")
        yield running


@pytest.fixture
def board(started):
    started.run("load('digits.tml')")
    return started


def slices_of(board) -> int:
    """Slices of the model that is loaded."""
    return board.value("sum(m._native.run_slice(i, 0) for i in range(len(m.profile())))")


@pytest.mark.parametrize("budget", [-1, 0, 500, 1_000_000])
def test_steps_give_the_bytes_of_run(board, budget):
    for _ in range(2):
        board.run(f"v[:] = {FRAME!r}")
        count = board.value(f"steps({budget})")
        assert board.value("out()") == EXPECTED
    if budget <= 0:
        assert count == slices_of(board) >= 10
    assert count == 1 or budget < 1_000_000


def test_steps_allocate_nothing(board):
    board.run("micropython.heap_lock()\ntry:\n    while not m.step(300): pass\nfinally:\n    micropython.heap_unlock()")


@pytest.mark.parametrize("name", REAL)
def test_real_models(board, name):
    golden.require()
    vectors = golden.vectors(name)
    board.run(f"load('{name}.tml')\nframe = {vectors.inputs[0].tobytes()!r}")
    expected = vectors.outputs[0].tobytes()
    for code in ("m.run()", "n = steps(1000)", "asyncio.run(beside(1000))", "asyncio.run(beside(0))"):
        board.run(f"v[:] = frame\n{code}")
        assert board.value("out()") == expected, code
    assert board.value("turns") >= slices_of(board) - 3  # a turn between any two steps, give or take those at the ends


def test_slices_of_a_record_run_in_any_order(board):
    board.run(f"v[:] = {FRAME!r}\nn = len(m.profile())\nv[:] = {FRAME!r}")
    board.run("""
for record in range(n):
    for slice in reversed(range(m._native.run_slice(record, 0))):
        m._native.run_slice(record, slice)
""")
    assert board.value("out()") == EXPECTED


def test_run_slice_keeps_to_what_there_is(board):
    assert board.value("m._native.run_slice(0, 1000000)") == board.value("m._native.run_slice(0, 0)")
    for call in ("run_slice(1000, 0)", "run_slice(-1, 0)", "run_slice(0, -1)"):
        assert board.error(f"m._native.{call}").startswith("IndexError")


@pytest.mark.parametrize("whole", ["m.run()", "m.selftest()", "m.predict([[0.5] * 64])", "m.profile()", "m.reset()"])
def test_what_makes_a_whole_inference_abandons_the_one_in_progress(board, whole):
    board.run(f"v[:] = {OTHER!r}\nassert not m.step(0)\nassert not m.step(0)\n{whole}")
    board.run(f"v[:] = {FRAME!r}")
    assert board.value("steps(0)") == slices_of(board)
    board.run(f"v[:] = {OTHER!r}\nm.step(0)\nv[:] = {FRAME!r}\nm.run()")
    assert board.value("out()") == EXPECTED


def test_other_tasks_run_during_arun(board):
    board.run(f"v[:] = {FRAME!r}\nasyncio.run(beside(0))")
    assert board.value("turns") >= slices_of(board) - 3
    board.run(f"v[:] = {FRAME!r}\nasyncio.run(beside(0))")
    assert board.value("out()") == EXPECTED


def test_arun_notices_that_another_inference_began(board):
    board.run(f"""
async def intruder(how):
    task = asyncio.create_task(m.arun(0))
    await asyncio.sleep_ms(0)
    if how == "run":
        m.run()
    elif how == "step":
        m.step(0)
    else:
        v[:] = {FRAME!r}
        await m.arun(0)
    await task
""")
    for how in ("run", "step", "arun"):
        said = board.error(f"asyncio.run(intruder({how!r}))")
        assert said == "RuntimeError: another inference of this model began during arun()"
    assert board.value("out()") == EXPECTED  # of the second arun


def test_a_cancelled_arun_leaves_nothing_behind(board):
    board.run(f"""
async def cancelled():
    task = asyncio.create_task(m.arun(0))
    await asyncio.sleep_ms(0)
    task.cancel()
    await asyncio.sleep_ms(0)
asyncio.run(cancelled())
v[:] = {FRAME!r}
""")
    assert board.value("steps(0)") == slices_of(board)


# Time of each layer


def test_profile_lists_the_layers(board):
    names = [name for name, _ in board.value("list(m.profile())")]
    assert names == board.value("[name for name, _ in m.profile(time.ticks_us, 'ticks')]")
    target = board.board.kernel_target
    steps = compile_model(DIGITS.data, "digits", target).plan.steps
    assert names == [step.operator for step in steps]


def test_profile_prints_itself(board):
    board.run("p = m.profile()")
    lines = board.run("print(p)").decode().splitlines()
    assert lines == board.value("repr(p)").splitlines()
    assert len(lines) == len(board.value("list(p)")) + 1
    assert lines[0].split()[:2] == ["0", "CONV_2D"]
    assert lines[-1].split()[0] == "total"
    assert max(line.count("█") for line in lines) == 20
    times, total = [t for _, t in board.value("list(p)")], board.value("p.total")
    assert sum(times) == pytest.approx(total, rel=1e-3)
    assert board.value("(p.unit, p.runs > 0)") == ("us", True)


def test_profile_agrees_with_the_clock(board):
    took = board.value("(time.ticks_us(), m.run(), time.ticks_us())")
    if board.board.id != "unix":  # there, time stands for nothing
        assert board.value("m.profile().total") == pytest.approx(took[2] - took[0], rel=0.05, abs=100)


def test_the_device_knows_every_operator(board):
    names = board.value("__import__('tinyml.profile', None, None, ['x'])._OPERATORS")
    assert {name: code for code, name in enumerate(names)} == {"?": 0} | {n: c for n, (c, _) in OPERATORS.items()}


def test_the_example_blinks_while_it_infers():
    app = (DEVICE / "examples" / "blink" / "app.py").read_text()
    with bench("pico", files("pico")) as pico:
        outputs = "print(bool(__import__('machine').mem32[0xD0000010] & 1 << 25))"  # of the pins, as the chip's registers have them
        lines = pico.run(app.replace("led.value(on)", f"led.value(on); {outputs}")).decode().splitlines()
    toggles, last = lines[:-1], lines[-1]
    assert toggles == ["True", "False"] * (len(toggles) // 2) + ["True"] * (len(toggles) % 2)
    assert 15 <= len(toggles) <= 21  # every 50 ms for a second
    assert int(last.split()[0]) > 100
