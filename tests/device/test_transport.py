"""Transports: what is printed, what is raised, and errors a person can act on."""

import contextlib
import os
import pty
import threading

import pytest

from tinymlaas.device.pico import EmulatedPico
from tinymlaas.device.transport import SerialDevice
from tinymlaas.device.unix import UnixBoard
from tinymlaas.errors import BoardError, DeviceError
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware


@pytest.fixture(scope="module")
def port():
    with EmulatedPico(build_firmware(board_by_name("pico"), stock=True).image) as pico, pico.pty() as path:
        yield path


@pytest.fixture
def unix(tmp_path):
    with UnixBoard(build_firmware(board_by_name("unix"), stock=True).image, tmp_path) as board:
        yield board


def test_serial_runs_code_and_raises_its_traceback(port):
    with SerialDevice(port) as device:
        device.exec("x = 6")
        assert device.exec("print(x * 7)").strip() == b"42"
        with pytest.raises(DeviceError, match="NameError: name 'y' isn't defined"):
            device.exec("y")
        assert device.exec("print(x)").strip() == b"6"


def test_serial_files_go_up_and_down(port):
    data = os.urandom(2500)
    with SerialDevice(port) as device:
        told = []
        device.write_file("/t.bin", data, lambda done, total: told.append((done, total)))
        assert device.read_file("/t.bin") == data
        assert told[-1] == (2500, 2500)
        with pytest.raises(DeviceError, match="ENOENT"):
            device.read_file("/absent")


def test_serial_timeout_is_readable_and_the_board_recovers(port):
    with SerialDevice(port) as device, pytest.raises(BoardError, match="timeout waiting for first EOF"):
        device.exec("while True: pass", timeout=1.0)
    with SerialDevice(port) as device:
        assert device.exec("print(1)").strip() == b"1"


def test_ampy_uploads(port):
    from tinymlaas.device.ampy import AmpyDevice

    data = bytes(range(256)) * 3
    with AmpyDevice(port) as device:
        device.write_file("/by_ampy.bin", data)
        assert device.read_file("/by_ampy.bin") == data
        with pytest.raises(DeviceError, match="ZeroDivisionError"):
            device.exec("1/0")


def test_a_port_that_is_absent_is_named():
    with pytest.raises(BoardError, match=r"/dev/no-such-port: no answer .*check the port"):
        SerialDevice("/dev/no-such-port")


def test_a_port_that_says_other_things_shows_them():
    """A login prompt is no MicroPython."""
    master, slave = pty.openpty()

    def answer():
        with contextlib.suppress(OSError):  # the test ends first
            for _ in range(2):  # Ctrl-C, whose answer mpremote throws away, and Ctrl-A
                os.read(master, 100)
                os.write(master, b"Login: ")

    threading.Thread(target=answer, daemon=True).start()
    with pytest.raises(BoardError, match=r"could not enter raw repl .*Login: "):
        SerialDevice(os.ttyname(slave))
    os.close(master)
    os.close(slave)


def test_unix_keeps_state_and_files(unix, tmp_path):
    unix.exec("x = [1]")
    unix.exec("x.append(2)")
    assert unix.exec("print(x)") == b"[1, 2]\n"
    unix.write_file("f.bin", b"\x00\x04\xff" * 100)
    assert (tmp_path / "f.bin").read_bytes() == b"\x00\x04\xff" * 100
    assert unix.read_file("f.bin") == b"\x00\x04\xff" * 100


def test_unix_errors(unix, tmp_path):
    with pytest.raises(DeviceError, match="ValueError: no"):
        unix.exec("raise ValueError('no')")
    assert unix.exec("print(1)").strip() == b"1"
    with pytest.raises(DeviceError, match=r"no end of the program after 0\.5 s"):
        unix.exec("while True: pass", timeout=0.5)
    with pytest.raises(BoardError, match="make firmware BOARD=UNIX"):
        UnixBoard(tmp_path / "absent")
