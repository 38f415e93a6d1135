"""The QEMU boards themselves, on stock firmware: REPL, files, ROMFS, instruction counts, native modules, faults."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from tinymlaas import romfs
from tinymlaas.device.qemu import QemuBoard, QemuMachine
from tinymlaas.device.romdevice import RomDevice, query_romfs
from tinymlaas.errors import BoardError, DeviceError
from tinymlaas.target import board_by_name, load_boards
from tinymlaas.toolchain import sources
from tinymlaas.toolchain.firmware import build_firmware
from tinymlaas.toolchain.mpy_cross import mpy_cross

MAIN = ["qemu-m3", "qemu-m4", "qemu-rv32"]
ALL = [*MAIN, "qemu-m7", "qemu-m33", "qemu-m55"]
ROM_FILES = {"weights.bin": bytes(range(256)) * 300, "odd.txt": b"odd", "lib/helper.py": b"answer = 42\n"}
BLOB = b"blob " * 200_000

# Each reads the counter, runs 2 * n instructions, reads it again: 2 * n + 1 with the second load.
COUNT_LOOP = {
    "arm": """
@micropython.asm_thumb
def ticks(r0, r1):
    ldr(r2, [r0, 0])
    label(again)
    sub(r1, 1)
    bne(again)
    ldr(r3, [r0, 0])
    sub(r0, r3, r2)
""",
    "riscv": """
@micropython.asm_rv32
def ticks(a0, a1):
    lw(a2, 0(a0))
    label(again)
    addi(a1, a1, -1)
    bne(a1, zero, again)
    lw(a3, 0(a0))
    sub(a0, a3, a2)
""",
}


def start(name: str, rom: bytes | None = None, blob: bytes = b"") -> QemuBoard:
    """A board with stock firmware; `blob` lies at the start of its blob region."""
    board = board_by_name(name)
    blobs = {QemuMachine.of(board).blob_address: blob} if blob else {}
    return QemuBoard(board, build_firmware(board, stock=True).image, rom, blobs)


def count_loops(device: QemuBoard, loops: list[int]) -> list[int]:
    """Instructions that the counting loop took, for each number of turns."""
    machine = device.machine
    device.exec(COUNT_LOOP["riscv" if device.board.cpu.startswith("RV") else "arm"])
    ticks = device.exec(f"print([ticks({machine.counter_address:#x}, n) for n in {loops}])")
    return [machine.instructions(0, value) for value in ast.literal_eval(ticks.decode())]


@pytest.fixture(scope="module", params=MAIN)
def device(request: pytest.FixtureRequest) -> Iterator[QemuBoard]:
    """One running board for the tests that leave it as they found it."""
    with start(request.param, romfs.build(ROM_FILES), BLOB) as board:
        yield board


def test_it_is_the_board_that_its_toml_describes(device: QemuBoard) -> None:
    code = (
        "import gc, sys; gc.collect(); print((sys.implementation._build, gc.mem_free(), sys.implementation._mpy >> 10))"
    )
    build, free, arch = ast.literal_eval(device.exec(code).decode())
    arches = {"armv7m": 6, "armv7emsp": 7, "rv32imc": 11}  # py/persistentcode.h; M3 firmware says armv7em
    assert build == device.board.name
    assert free >= device.board.heap_bytes - 16_384  # the test session's own objects
    assert arch & 15 == arches[device.board.mpy_arch]


def test_blobs_are_in_place_before_boot(device: QemuBoard) -> None:
    address = device.machine.blob_address
    code = (
        f"import hashlib, uctypes; print(hashlib.sha256(uctypes.bytearray_at({address}, {len(BLOB)})).digest().hex())"
    )
    assert device.exec(code).decode().strip() == hashlib.sha256(BLOB).hexdigest()


def test_romfs_is_mounted_and_read_in_place(device: QemuBoard) -> None:
    code = (
        "import uctypes; f = open('/rom/weights.bin', 'rb'); m = memoryview(f); print((uctypes.addressof(m), len(m)))"
    )
    address, length = ast.literal_eval(device.exec(code).decode())
    first = device.machine.romfs_address
    assert first <= address < first + device.board.romfs_bytes
    assert address % 16 == 0
    assert length == len(ROM_FILES["weights.bin"])
    assert device.read_file("/rom/odd.txt") == b"odd"
    assert device.exec("import helper; print(helper.answer)") == b"42\r\n"


def test_romfs_region_is_the_one_in_board_toml(device: QemuBoard) -> None:
    partition = query_romfs(device)
    assert partition is not None
    assert (partition.address, partition.size) == (device.machine.romfs_address, device.board.romfs_bytes)


def test_files_survive_a_soft_reset_and_the_heap_does_not(device: QemuBoard) -> None:
    data = bytes(range(256)) * 9
    device.write_file("/kept.bin", data)
    device.exec("gone = 1")
    device.soft_reset()
    assert device.read_file("/kept.bin") == data
    with pytest.raises(DeviceError, match="NameError"):
        device.exec("gone")
    device.exec("import os; os.remove('/kept.bin')")


def test_a_traceback_becomes_a_device_error(device: QemuBoard) -> None:
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        device.exec("print('before')\n1 / 0")
    assert device.exec("print('after')") == b"after\r\n"


def test_time_passes_with_instructions(device: QemuBoard) -> None:
    code = "import time, qemu; t, n = time.ticks_us(), qemu.instructions(); time.sleep_ms(20)\n"
    code += "print((time.ticks_diff(time.ticks_us(), t), qemu.instructions() - n))"
    microseconds, instructions = ast.literal_eval(device.exec(code).decode())
    assert 20_000 <= microseconds < 30_000  # ends at the first poll after that
    assert instructions << device.machine.icount_shift == pytest.approx(microseconds * 1000, rel=0.05)


def test_long_code_is_taken_whole(device: QemuBoard) -> None:
    assert device.exec(f"print(len({'x' * 20_000!r}))") == b"20000\r\n"


@pytest.mark.parametrize("name", ALL)
def test_instruction_counts_are_exact_and_repeat(name: str) -> None:
    loops = [1, 2, 3, 10, 1000, 12_345, 300_000]
    runs = []
    for _ in range(2):
        with start(name) as device:
            runs.append(count_loops(device, loops))
    assert runs[0] == runs[1] == [2 * n + 1 for n in loops]


@pytest.mark.parametrize("name", MAIN)
def test_instructions_stand_still_while_the_board_waits(name: str) -> None:
    with start(name) as device:
        device.exec("import qemu")
        counts = []
        for pause in (0.0, 0.5):
            before = int(device.exec("print(qemu.instructions())"))
            time.sleep(pause)
            counts.append(int(device.exec("print(qemu.instructions())")) - before)
    assert counts[1] < 2 * counts[0] + 100_000  # half a second of virtual time would be two million or more


@pytest.mark.parametrize("name", MAIN)
def test_mpremote_reaches_it_over_a_pty(name: str, tmp_path: Path) -> None:
    sent, back = tmp_path / "sent.bin", tmp_path / "back.bin"
    sent.write_bytes(bytes(range(256)) * 4)
    with start(name, romfs.build(ROM_FILES)) as device, device.pty() as port:
        mpremote(port, "fs", "cp", str(sent), ":up.bin")
        mpremote(port, "fs", "cp", ":up.bin", str(back))
        assert "sent" not in mpremote(port, "fs", "ls")
        assert "ROMFS image size" in mpremote(port, "romfs", "query")
        assert mpremote(port, "soft-reset", "eval", "6 * 7").strip() == "42"
    assert back.read_bytes() == sent.read_bytes()


@pytest.mark.parametrize("name", ["qemu-m3", "qemu-rv32"])
def test_ctrl_c_ends_a_loop(name: str) -> None:
    with start(name) as device, device.pty() as port, serial.Serial(port, timeout=20) as console:
        console.write(b"while True: pass\r\n\r\n")
        console.read_until(b"... ")
        time.sleep(0.2)
        console.write(b"\x03")
        assert b"KeyboardInterrupt" in console.read_until(b"KeyboardInterrupt")


def test_mpremote_deploys_a_romfs_and_the_driver_carries_on(tmp_path: Path) -> None:
    image = tmp_path / "new.romfs"
    image.write_bytes(romfs.build({"new.txt": b"deployed"}))
    with start("qemu-m3", romfs.build(ROM_FILES)) as device:
        with device.pty() as port:
            mpremote(port, "romfs", "deploy", str(image))
        device.soft_reset()
        assert device.read_file("/rom/new.txt") == b"deployed"


def test_romfs_is_written_through_rom_ioctl() -> None:
    image = romfs.build({"a.txt": b"written"})
    with start("qemu-m3") as device:
        assert device.exec(
            "import vfs; print(vfs.rom_ioctl(1), vfs.rom_ioctl(2, 1), vfs.rom_ioctl(4, 0, 1 << 21, b'x'))"
        ) == (b"1 -22 -22\r\n")
        device.exec(f"vfs.rom_ioctl(3, 0, {len(image)}); vfs.rom_ioctl(4, 0, 0, {image!r}); vfs.rom_ioctl(5, 0)")
        partition = query_romfs(device)
        assert partition is not None
        RomDevice(device, partition).remount()
        assert device.read_file("/rom/a.txt") == b"written"


@pytest.mark.parametrize("name", MAIN)
def test_a_native_module_is_loaded_and_called(name: str, tmp_path: Path) -> None:
    board = board_by_name(name)
    module = build_example_natmod(board.mpy_arch, tmp_path)
    with start(name) as device:
        device.write_file("/features0.mpy", module)
        assert device.exec("import features0; print(features0.factorial(10))") == b"3628800\r\n"


@pytest.mark.parametrize(("name", "nowhere"), [("qemu-m3", 0xA0000000), ("qemu-rv32", 0)])
def test_a_fault_is_told_with_the_registers(name: str, nowhere: int) -> None:
    with start(name) as device, pytest.raises(DeviceError, match=r"(?s)fault.*(xPSR: \w{8}|MCAUSE=\w+)"):
        device.exec(f"import machine; machine.mem32[{nowhere}] = 1")


def test_code_that_does_not_end_is_stopped() -> None:
    with start("qemu-m3") as device, pytest.raises(DeviceError, match="switched off"):
        device.exec("while True: pass", timeout=1.0)


def test_what_does_not_fit_is_refused() -> None:
    board = board_by_name("qemu-m3")
    machine = QemuMachine.of(board)
    firmware = build_firmware(board, stock=True).image
    with pytest.raises(BoardError, match="2097153 bytes does not fit the partition of 2097152"):
        QemuBoard(board, firmware, bytes(board.romfs_bytes + 1))
    with pytest.raises(BoardError, match="outside the blob region"):
        QemuBoard(board, firmware, blobs={machine.blob_address + machine.blob_bytes - 1: b"ab"})
    with pytest.raises(BoardError, match="make firmware BOARD=QEMU_M3"):
        QemuBoard(board, Path("missing.elf"))
    with pytest.raises(BoardError, match="not a QEMU board"):
        QemuMachine.of(board_by_name("pico"))


@pytest.mark.parametrize("name", [board.name for board in load_boards().values() if board.transport == "qemu"])
def test_board_toml_agrees_with_the_makefile(name: str) -> None:
    board = board_by_name(name)
    machine, make = QemuMachine.of(board), makefile_variables(board.folder / "mpconfigboard.mk")
    bulk = int(make["BOARD_BULK_START"], 0)
    assert make["QEMU_MACHINE"] == machine.machine
    assert int(make["BOARD_COUNTER_ADDRESS"], 0) == machine.counter_address
    assert int(make["BOARD_ICOUNT_SHIFT"]) == machine.icount_shift
    assert int(make["BOARD_COUNTER_NS"]) / 2**machine.icount_shift == machine.instructions_per_tick < 0.5
    assert (machine.blob_address, machine.romfs_address) == (bulk, bulk + (12 << 20))


def makefile_variables(path: Path) -> dict[str, str]:
    """NAME = value lines of a board's makefile and of those that it includes."""
    text, found = path.read_text(), dict[str, str]()
    for included in re.findall(r"^include \$\(BOARD_DIR\)/(\S+)", text, re.MULTILINE):
        found |= makefile_variables(path.parent / included)
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return found | {name.rstrip(" +?:"): value.strip() for name, value in pairs}


def mpremote(port: str, *arguments: str) -> str:
    """What mpremote prints; it must end well."""
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_example_natmod(arch: str, folder: Path) -> bytes:
    """MicroPython's own example `features0` as .mpy for `arch`."""
    tree = sources.micropython()
    source = shutil.copytree(tree.root / "examples" / "natmod" / "features0", folder / "features0")
    command = ["make", "-C", source, f"MPY_DIR={tree.root}", f"ARCH={arch}", f"PYTHON={sys.executable}"]
    environment = {"MICROPY_MPYCROSS": str(mpy_cross(tree))}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return (source / "features0.mpy").read_bytes()
