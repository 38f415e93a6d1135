"""Weights used where they lie in flash, on the emulated Pico with its 264 KB of RAM."""

from __future__ import annotations

import pytest

from tests.support import golden
from tests.support.devices import bench
from tinymlaas import romfs
from tinymlaas.compile import compile_model
from tinymlaas.device.pico import FLASH_BYTES, XIP_BASE
from tinymlaas.unpack import unpack

DIGITS = golden.digits()
MODULE = compile_model(DIGITS.data, "digits").module
ARENA_BYTES = unpack(MODULE).arena_bytes
OBJECTS_BYTES = 3 * 1024  # what a Model takes besides its arena: views, shapes, scales
FRAME, EXPECTED = DIGITS.inputs[0].tobytes(), DIGITS.outputs[0].tobytes()

GROWTH = """
gc.collect()
used = gc.mem_alloc()
m = tinyml.Model({path!r})
gc.collect()
print(gc.mem_alloc() - used)
"""


def misaligned_image():
    """ROMFS with copies of one module, each off by another number of bytes from a multiple of 16."""
    files = {}
    for i in range(16):
        files[f"{i:02}.tml"], files[f"{i:02}.txt"] = MODULE, b"." * (9 if len(MODULE) % 16 == 8 else 1)
    return romfs.build(files, alignment=1)


@pytest.fixture(scope="module")
def started():
    with bench("pico", {"digits.tml": MODULE}) as running:
        running.run("import gc, tinyml, _tinyml, uctypes")
        yield running


@pytest.fixture
def pico(started):
    started.run("m = x = None\ngc.collect()")
    return started


@pytest.fixture(scope="module")
def crooked():
    """A Pico whose ROMFS was built without care for alignment."""
    image = misaligned_image()
    with bench("pico", {}, rom=image) as running:
        running.run("import gc, tinyml, _tinyml, uctypes")
        yield running


def test_a_module_in_romfs_stays_in_flash(pico):
    grown = pico.answer(GROWTH.format(path="/rom/digits.tml"))
    address = pico.value("uctypes.addressof(m._buffer)")
    assert XIP_BASE <= address < XIP_BASE + FLASH_BYTES
    assert address % 16 == 0
    assert ARENA_BYTES <= grown <= ARENA_BYTES + OBJECTS_BYTES
    assert pico.value("m.weights_in_place, m.ram") == (True, ARENA_BYTES)
    pico.run(f"m.inputs[0][:] = {FRAME!r}\nm.run()")
    assert pico.value("bytes(m.outputs[0])") == EXPECTED


def test_a_buffer_of_mapped_flash_is_used_in_place(pico):
    pico.run("x = memoryview(open('/rom/digits.tml', 'rb'))")
    for source in ("x", f"uctypes.bytearray_at(uctypes.addressof(x), {len(MODULE)})"):
        pico.run(f"m = tinyml.Model({source})")
        assert pico.value("m.weights_in_place, m.ram, m.selftest()") == (True, ARENA_BYTES, True)


def test_a_module_on_the_filesystem_is_read_into_ram(pico):
    pico.run("with open('/digits.tml', 'wb') as f: f.write(open('/rom/digits.tml', 'rb').read())")
    grown = pico.answer(GROWTH.format(path="/digits.tml"))
    both = ARENA_BYTES + len(MODULE)
    assert both <= grown <= both + OBJECTS_BYTES
    assert pico.value("m.weights_in_place, m.ram, m.selftest()") == (False, both, True)


def test_a_copy_given_by_the_caller_is_no_flash(pico):
    pico.run("m = tinyml.Model(open('/rom/digits.tml', 'rb').read())")
    assert pico.value("m.weights_in_place, m.ram") == (False, ARENA_BYTES + len(MODULE))


def test_misaligned_modules_are_copied(crooked):
    off = set()
    for i in range(16):
        crooked.run(f"m = x = None; gc.collect()\nx = memoryview(open('/rom/{i:02}.tml', 'rb'))")
        off.add(crooked.value("uctypes.addressof(x) % 16"))
        crooked.run(f"m = tinyml.Model('/rom/{i:02}.tml')\nm.inputs[0][:] = {FRAME!r}\nm.run()")
        assert crooked.value("bytes(m.outputs[0])") == EXPECTED
        in_place = crooked.value("uctypes.addressof(x) % 16 == 0")
        ram = ARENA_BYTES + (0 if in_place else len(MODULE))
        assert crooked.value("m.weights_in_place, m.ram, m.selftest()") == (in_place, ram, True)
    assert off == set(range(16))


def test_a_misaligned_module_is_refused_when_a_copy_does_not_fit(crooked):
    crooked.run("m = x = None; gc.collect()")
    path = crooked.answer("""
for i in range(16):
    path = '/rom/%02d.tml' % i
    if uctypes.addressof(memoryview(open(path, 'rb'))) % 16 == 2:
        print(repr(path))
""")
    crooked.run(
        "x = []\ntry:\n    while True: x.append(bytearray(3000))\nexcept MemoryError:\n    x.pop(); gc.collect()"
    )
    said = crooked.error(f"tinyml.Model({path!r})")
    what = f"lies misaligned, 2 B past a multiple of 16, and a copy needs {len(MODULE)} B, largest free block "
    assert said.startswith(f"MemoryError: {path}: {what}")
    assert said.endswith("; put it there with: tinymlaas deploy, which aligns it")


def test_the_native_loader_refuses_misaligned_modules_itself(crooked):
    crooked.run("m = x = None; gc.collect()")
    for i in range(16):
        crooked.run(f"x = memoryview(open('/rom/{i:02}.tml', 'rb')); off = uctypes.addressof(x) % 16")
        if off := crooked.value("off"):
            said = crooked.error("_tinyml.Model(x)")
            assert said == f"ValueError: module address must be a multiple of 16, is off by {off}"


# 219 KB of weights beside 264 KB of RAM


@pytest.fixture(scope="module")
def vww():
    golden.require()
    module = compile_model(golden.model("vww_96_int8"), "vww_96").module
    with bench("pico", {"vww.tml": module}) as running:
        running.run("import gc, tinyml, _tinyml, uctypes")
        yield running, module


def test_vww_runs_from_romfs(vww):
    pico, module = vww
    vectors, arena_bytes = golden.vectors("vww_96_int8"), unpack(module).arena_bytes
    grown = pico.answer(GROWTH.format(path="/rom/vww.tml"))
    assert arena_bytes <= grown <= arena_bytes + OBJECTS_BYTES
    assert pico.value("m.weights_in_place, m.ram") == (True, arena_bytes)
    assert len(module) + arena_bytes > pico.value("gc.mem_free() + gc.mem_alloc()")
    assert pico.value("m.selftest()") is True
    frame = vectors.inputs[0].tobytes()
    for at in range(0, len(frame), 1024):
        pico.run(f"m.inputs[0][{at}:{at + 1024}] = {frame[at : at + 1024]!r}")
    pico.run("m.run()")
    assert pico.value("bytes(m.outputs[0])") == vectors.outputs[0].tobytes()


def test_vww_misaligned_is_refused_with_the_numbers(vww):
    pico, module = vww
    pico.run("m = None\ngc.collect()")
    address = pico.value("uctypes.addressof(memoryview(open('/rom/vww.tml', 'rb')))")
    said = pico.error(f"tinyml.Model(uctypes.bytearray_at({address + 4}, {len(module)}))")
    what = f"lies misaligned, 4 B past a multiple of 16, and a copy needs {len(module)} B, largest free block "
    assert said.startswith(f"MemoryError: module: {what}")
