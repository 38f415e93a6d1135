"""Verdicts: never a false yes on real MicroPython, a no that says the number and the remedy."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support import golden
from tests.support.service import DIGITS
from tinymlaas.compile import compile_model
from tinymlaas.errors import ServiceError
from tinymlaas.service import capabilities
from tinymlaas.service.capabilities import Capabilities, classify, of_board, parse
from tinymlaas.service.compiler import Job, compile_here
from tinymlaas.service.fit import SIGNATURE_BYTES, fingerprint, verdict
from tinymlaas.sign import new_key, public_bytes, sign
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

FACTS = compile_here(DIGITS, Job("digits", "m0plus")).facts
PICO = of_board(board_by_name("pico"))
SAID = PICO.model_dump() | {"board_id": "pico"}


def device(**values):
    return Capabilities.model_validate(SAID | values)


def test_a_board_with_room_fits_and_its_time_is_predicted():
    found = verdict(PICO, FACTS)
    assert found.fits
    assert found.placement == "romfs"
    assert 4000 < found.time_us < 8000
    assert verdict(device(clock_hz=250_000_000), FACTS).time_us == pytest.approx(found.time_us / 2, abs=1)


AMPLE = {"romfs_free": 0, "heap_free": 10**6, "heap_block": 10**6, "flash_free": 10**6}


@pytest.mark.parametrize("name", ["flash_free", "heap_block", "heap_free"])
def test_each_shortage_says_its_number_exactly(name):
    """With as many bytes more as the verdict says are short, it fits; with one less, one is short."""
    found = verdict(device(**AMPLE | {name: 4000}), FACTS)
    assert not found.fits
    assert found.remedy
    enough = 4000 + found.short
    assert verdict(device(**AMPLE | {name: enough}), FACTS).fits
    assert verdict(device(**AMPLE | {name: enough - 1}), FACTS).short == 1


def test_flash_for_weights_is_the_remedy_where_it_is_enough():
    found = verdict(device(romfs_free=0, heap_free=18_000, heap_block=16_000), FACTS)
    assert "ROMFS" in found.remedy
    found = verdict(device(heap_free=5_000, heap_block=5_000), FACTS)
    assert "smaller images" in found.remedy


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"format_version": 2}, "has format 1, the device reads 2"),
        ({"runtime_version": 0}, "needs runtime 1, the device has 0"),
        ({"kernel_target": "m4"}, "made for m0plus, the device runs m4"),
        ({"operators": ["CONV_2D", "SOFTMAX"]}, "lacks ADD, AVERAGE_POOL_2D, DEPTHWISE_CONV_2D"),
        ({"keys": ["0" * 16]}, "the device trusts 0000000000000000"),
    ],
)
def test_what_no_memory_can_mend_is_named(said, words):
    facts = FACTS | {"release_key": public_bytes(new_key()).hex()}
    found = verdict(device(**said), facts)
    assert words in found.reason
    assert found.remedy
    assert found.short == 0


def test_a_device_that_trusts_the_key_takes_the_module():
    key = public_bytes(new_key()).hex()
    assert verdict(device(keys=[fingerprint(key)]), FACTS | {"release_key": key}).fits


def test_a_signature_is_not_larger_than_counted():
    modules = [compile_model(DIGITS, "x" * n).module for n in range(1, 5)]
    assert max(len(sign(m, new_key(), 1)) - len(m) for m in modules) <= SIGNATURE_BYTES


@pytest.mark.parametrize(
    ("ram", "flash", "name"),
    [
        (2, 32, "C0"),
        (10, 100, "C1"),
        (16, 256, "C1"),
        (50, 250, "C2"),
        (128, 512, "C3"),
        (264, 2048, "C4"),
        (520, 4096, "C4"),
        (8192, 16384, ">C4"),
        (0, 100, ""),
    ],
)
def test_classes_are_those_of_the_rfc(ram, flash, name):
    assert classify(ram * 1024, flash * 1024) == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 2},
        {"heap_free": -1},
        {"heap_free": "1"},
        {"heap_free": 1 << 50},
        {"heap_free": True},
        {"board": "a\0b"},
        {"operators": ["x"] * 300},
        {"keys": ["x"]},
        {"more": 1},
        {"kernel_target": "a/b"},
    ],
)
def test_capabilities_out_of_bounds_are_refused_by_field(wrong):
    with pytest.raises(ServiceError, match=f"capabilities: {next(iter(wrong))}") as refused:
        parse(SAID | wrong)
    assert refused.value.status == 422


@pytest.mark.parametrize("wrong", [None, [], "x", 1, {}])
def test_capabilities_that_are_none_are_refused(wrong):
    with pytest.raises(ServiceError, match="capabilities: "):
        parse(wrong)


def test_small_changes_of_the_heap_make_no_other_set():
    one, other = (capabilities.canonical(device(heap_free=n)) for n in (190_000, 189_999))
    assert capabilities.digest(one) == capabilities.digest(other)
    assert capabilities.digest(one) != capabilities.digest(capabilities.canonical(device(heap_free=150_000)))


@pytest.mark.parametrize("operators", [None, [], ["CONV_2D", "COPY"], ["CONV_2D", "FROM_THE_FUTURE"]])
def test_a_profile_survives_as_text(operators):
    profile = capabilities.profile_of(device(operators=operators))
    assert capabilities.parse_profile(str(profile)) == profile
    assert len(str(profile)) <= 128


# Real MicroPython with heaps of many sizes: what it says of itself, the verdict, and whether the module then loads.
PROBE = """
import gc, json, sys
import tinyml, tinyml.source
gc.collect()
free, block = gc.mem_free(), tinyml.source.largest_free()
print(json.dumps([free, block]))
try:
    print(json.dumps(tinyml.Model(sys.argv[1]).selftest()))
except MemoryError as e:
    print(json.dumps(str(e)))
"""


@pytest.fixture(scope="module")
def micropython():
    """The unix port's binary, with _tinyml and tinyml inside."""
    return build_firmware(board_by_name("unix")).image


def _loads(binary, heap, script, module):
    run = subprocess.run(
        [binary, "-X", f"heapsize={heap}", script, module], capture_output=True, text=True, timeout=100
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return (lines[0], lines[1] is True) if len(lines) == 2 else (None, False)


@pytest.mark.parametrize("name", ["digits", "hello_world_int8", "kws_ref_model", "micro_speech_quantized", "ad01_int8"])
def test_no_false_yes_on_micropython_with_any_heap(micropython, tmp_path, name):
    if name != "digits":
        golden.require()
    result = compile_here(DIGITS if name == "digits" else golden.model(name), Job(name, "x64"))
    (tmp_path / "m.tml").write_bytes(sign(result.module, new_key(), 1))
    (tmp_path / "probe.py").write_text(PROBE)
    need = result.facts["arena_bytes"] + len(result.module)
    answers = []
    for extra in range(4 << 10, 64 << 10, 3 << 10):
        said, loads = _loads(micropython, need + extra, tmp_path / "probe.py", tmp_path / "m.tml")
        if said is None:
            continue  # not even MicroPython itself starts
        unix = device(kernel_target="x64", romfs_free=0, flash_free=1 << 30, heap_free=said[0], heap_block=said[1])
        fits = verdict(unix, result.facts).fits
        assert loads or not fits, (extra, said)
        answers.append((fits, loads))
    assert (True, True) in answers
    assert (False, False) in answers
