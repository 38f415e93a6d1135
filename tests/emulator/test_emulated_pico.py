"""Real firmware on the emulated Pico: REPL, flash that persists, faults, cycle counts, mpremote over the PTY."""

import hashlib
import os
import subprocess
import sys

import pytest

from tinymlaas.device.pico import CYCLE_COUNTER_ADDRESS, FLASH_BYTES, XIP_BASE, EmulatedPico
from tinymlaas.errors import BoardError, DeviceError
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

COUNT = f"""
@micropython.asm_thumb
def count(r0, r1):
    ldr(r2, [r0, 0])
    label(LOOP)
    sub(r1, 1)
    bne(LOOP)
    ldr(r3, [r0, 0])
    sub(r0, r3, r2)
print(count({CYCLE_COUNTER_ADDRESS}, LOOPS))
"""
WORK = """
import json, hashlib
for i in range(8):
    s = json.dumps({'a': [1.5 * i, 2.25 / (i + 1)], 'b': str(i) * 10, 'c': sorted([(k * 7919) % 101 for k in range(60)])})
    d = json.loads(s)
with open('/sum.bin', 'wb') as f:
    f.write(hashlib.sha256(s.encode()).digest())
print(d, hashlib.sha256(open('/sum.bin', 'rb').read()).digest())
"""


@pytest.fixture(scope="module")
def firmware():
    return build_firmware(board_by_name("pico"), stock=True).image


@pytest.fixture(scope="module")
def pico(firmware):
    with EmulatedPico(firmware, blobs={FLASH_BYTES: b"blob above the flash"}) as device:
        yield device


def test_repl_keeps_state_and_carries_tracebacks(pico):
    pico.exec("x = 20")
    assert pico.exec("print(x + 1)") == b"21\r\n"
    with pytest.raises(DeviceError, match="ZeroDivisionError: divide by zero"):
        pico.exec("1/0")


def test_blob_is_readable_above_the_flash(pico):
    code = f"import uctypes\nprint(bytes(uctypes.bytearray_at({XIP_BASE + FLASH_BYTES}, 4)))"
    assert pico.exec(code).strip() == b"b'blob'"


def test_endless_program_ends_in_a_timeout_and_the_board_lives_on(pico):
    with pytest.raises(DeviceError, match="no end of the program after 1"):
        pico.exec("while True: pass", timeout=1.0)
    assert pico.exec("print(7)").strip() == b"7"


@pytest.mark.parametrize(("loops", "cycles"), [(1, 2), (2, 5), (1000, 2999)])
def test_cycle_counter_is_exact(pico, loops, cycles):
    """subs 1, bne taken 2, bne not taken 1; the loads themselves count nothing."""
    assert int(pico.exec(COUNT.replace("LOOPS", str(loops)))) == cycles


def test_translated_code_takes_the_cycles_of_the_interpreter(firmware):
    figures = []
    for plain in (False, True):
        with EmulatedPico(firmware, plain=plain) as device:
            output = device.exec(WORK, timeout=120)
            figures.append((output, device.cycles, device.status()["nanos"]))
    assert figures[0] == figures[1]


def test_unaligned_access_is_a_visible_fault(firmware):
    peek = "@micropython.viper\ndef peek(p: int) -> int:\n    return int(ptr32(p)[0])\n"
    with EmulatedPico(firmware) as device:
        assert device.exec(peek + "print(peek(0x20001000) is not None)").strip() == b"True"
        with pytest.raises(DeviceError, match="unaligned read, 32-bit access to 0x20030001"):
            device.exec("peek(0x20030001)")


def test_flash_survives_soft_reset_reset_and_power(firmware, tmp_path):
    data = os.urandom(9000)
    with EmulatedPico(firmware) as device:
        device.write_file("/kept.bin", data)
        device.exec("gone = 1")
        device.soft_reset()
        with pytest.raises(DeviceError, match="NameError"):
            device.exec("gone")
        assert device.read_file("/kept.bin") == data
        device.reset()
        assert device.read_file("/kept.bin") == data
        assert device.status()["flash"]["erase"] > 0
        device.save_flash(tmp_path / "flash.bin")
    with EmulatedPico(firmware, flash=tmp_path / "flash.bin") as device:
        assert device.read_file("/kept.bin") == data


def test_mpremote_uploads_over_the_pty(pico, tmp_path):
    source = tmp_path / "u.bin"
    source.write_bytes(os.urandom(3000))
    with pico.pty() as port:
        mpremote = [sys.executable, "-m", "mpremote", "connect", port]
        subprocess.run([*mpremote, "fs", "cp", str(source), ":u.bin"], check=True, timeout=120, capture_output=True)
        with pytest.raises(DeviceError, match="the serial port is in use"):
            pico.exec("pass")
        back = subprocess.run([*mpremote, "fs", "sha256sum", "u.bin"], check=True, timeout=120, capture_output=True)
    assert hashlib.sha256(source.read_bytes()).hexdigest() in back.stdout.decode()
    assert pico.read_file("u.bin") == source.read_bytes()


def test_firmware_that_is_absent_or_no_uf2_is_named(tmp_path):
    with pytest.raises(BoardError, match="make firmware BOARD=RPI_PICO"):
        EmulatedPico(tmp_path / "none.uf2")
    (tmp_path / "bad.uf2").write_bytes(bytes(512))
    with pytest.raises(DeviceError, match="not a UF2 file"):
        EmulatedPico(tmp_path / "bad.uf2")


def test_romfs_too_big_for_the_partition_gives_the_numbers(firmware):
    with pytest.raises(BoardError, match="400000 bytes does not fit the partition of 393216"):
        EmulatedPico(firmware, romfs=bytes(400000))
