"""Deployment to ROMFS and to the filesystem of an emulated Pico, whole and interrupted at every stage."""

import ast
import hashlib
import os

import pytest
from mpremote.romfs import VfsRomWriter

from tinymlaas import romfs
from tinymlaas.device.deploy import deploy
from tinymlaas.device.install import arches_of, native_module
from tinymlaas.device.pico import XIP_BASE, EmulatedPico
from tinymlaas.device.romdevice import query_romfs
from tinymlaas.device.transport import DeviceBase
from tinymlaas.errors import BoardError, FitError, UsageError
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

OLD = {"m.tml": b"old module " * 500, "lib/app.py": b"print('app')\n", "notes": b"keep me"}
NEW = os.urandom(5000)


class Cut(Exception):
    """The connection is lost."""


class Cutter(DeviceBase):
    """A device whose connection is lost at the n-th exec."""

    def __init__(self, device, allowed):
        self.device, self.allowed = device, allowed

    def exec(self, code, timeout=30.0):
        if self.allowed == 0:
            raise Cut
        self.allowed -= 1
        return self.device.exec(code, timeout)

    def close(self):
        pass


@pytest.fixture(scope="module")
def pico():
    firmware = build_firmware(board_by_name("pico"), stock=True).image
    with EmulatedPico(firmware, romfs=romfs.build(OLD)) as device:
        yield device


def replace_romfs(pico, image):
    """Put another image where the firmware has its ROMFS, from outside, and reboot."""
    pico.load_flash(query_romfs(pico).address - XIP_BASE, image + bytes(300000))
    pico.soft_reset()


@pytest.fixture
def fresh(pico):
    """The module's Pico with only OLD in its ROMFS."""
    replace_romfs(pico, romfs.build(OLD))
    return pico


SHA = """
import hashlib
for p in {paths!r}:
    print(hashlib.sha256(open(p, 'rb').read()).digest())
"""


def files_of(device, *paths):
    """What the files at /rom hold after a reboot: their SHA-256."""
    device.soft_reset()
    lines = device.exec(SHA.format(paths=["/rom/" + path for path in paths])).decode().splitlines()
    return dict(zip(paths, map(ast.literal_eval, lines), strict=True))


def hashes(files):
    return {path: hashlib.sha256(data).digest() for path, data in files.items()}


def test_new_file_joins_the_old_ones_in_place(fresh):
    told = []
    result = deploy(fresh, "new.tml", NEW, lambda done, total: told.append((done, total)))
    assert (result.path, result.in_place) == ("/rom/new.tml", True)
    assert told[-1] == (len(NEW), len(NEW))
    assert files_of(fresh, *OLD, "new.tml") == hashes({**OLD, "new.tml": NEW})
    address = fresh.exec("import uctypes\nprint(uctypes.addressof(memoryview(open('/rom/new.tml', 'rb'))))")
    assert int(address) % 4096 == 0
    assert int(address) >> 24 == 0x10


def test_replacing_twice_keeps_the_others_and_repeating_writes_nothing(fresh):
    for data in (NEW, NEW[::-1], NEW):
        assert "replaced" in deploy(fresh, "m.tml", data).reason
    erased = fresh.status()["flash"]["erase"]
    assert "already there" in deploy(fresh, "m.tml", NEW).reason
    assert fresh.status()["flash"]["erase"] == erased
    assert files_of(fresh, *OLD) == hashes({**OLD, "m.tml": NEW})


def test_interrupted_anywhere_the_old_files_are_whole(fresh):
    """Cut at every exec in turn, reboot each time, until a deployment gets through."""
    for allowed in range(200):
        try:
            deploy(Cutter(fresh, allowed), "m.tml", NEW)
            break
        except Cut:
            found = files_of(fresh, *OLD)
            assert found in (hashes(OLD), hashes({**OLD, "m.tml": NEW}))
    assert allowed > 8
    assert files_of(fresh, *OLD) == hashes({**OLD, "m.tml": NEW})


def test_an_image_of_another_builder_is_kept(pico):
    writer = VfsRomWriter()
    for name, data in sorted(OLD.items()):
        writer.mkfile(name.replace("/", "_"), data)
    replace_romfs(pico, writer.finalise())
    deploy(pico, "new.tml", NEW)
    kept = {name.replace("/", "_"): data for name, data in OLD.items()}
    assert files_of(pico, *kept, "new.tml") == hashes({**kept, "new.tml": NEW})


def test_no_room_in_romfs_goes_to_the_filesystem_with_the_numbers(fresh):
    big = os.urandom(40000) * 10
    result = deploy(fresh, "big.tml", big[:390000])
    assert (result.path, result.in_place) == ("/big.tml", False)
    assert "needs 390000 bytes in one piece of ROMFS; of 393216 bytes" in result.reason
    with pytest.raises(FitError, match=r"filesystem has \d+ bytes free, 1200000 are needed"):
        deploy(fresh, "big.tml", bytes(1200000))


def test_overwrite_uses_the_room_of_the_old_module(fresh):
    first, second = os.urandom(50000) * 4, os.urandom(50000) * 4
    assert deploy(fresh, "m.tml", first).in_place
    assert not deploy(fresh, "m.tml", second).in_place
    assert deploy(fresh, "m.tml", second, overwrite=True).in_place
    assert files_of(fresh, *OLD) == hashes({**OLD, "m.tml": second})


def test_interrupted_filesystem_upload_leaves_the_old_file(pico):
    deploy(pico, "f.tml", OLD["m.tml"], use_romfs=False)
    for allowed in range(100):
        try:
            result = deploy(Cutter(pico, allowed), "f.tml", NEW, use_romfs=False)
            break
        except Cut:
            pico.soft_reset()
            assert pico.read_file("/f.tml") in (OLD["m.tml"], NEW)
    assert allowed > 8
    assert (result.path, result.in_place) == ("/f.tml", False)
    assert pico.read_file("/f.tml") == NEW
    assert b"part" not in pico.exec("import os\nprint(os.listdir('/'))")


@pytest.mark.parametrize("name", ["", "a/b", "x" * 65])
def test_bad_names_are_refused(pico, name):
    with pytest.raises(UsageError, match="no plain file name"):
        deploy(pico, name, b"")


@pytest.mark.parametrize(
    ("mpy", "arches"),
    [
        (0x1306, ("armv6m",)),
        (0x1F06, ("armv7emsp", "armv7em", "armv7m", "armv6m")),
        (0x0B06, ("x64",)),
        (0x2F06, ("rv32imc",)),
        (0x2B06, ("xtensawin",)),
    ],
)
def test_arch_is_found_from_the_firmware(mpy, arches):
    assert arches_of(mpy) == arches


def test_firmware_without_native_modules_or_too_old_is_refused():
    with pytest.raises(BoardError, match="loads no native modules"):
        arches_of(0x0306)
    with pytest.raises(BoardError, match=r"version 6\.1"):
        arches_of(0x1106)
    with pytest.raises(BoardError, match="make natmod ARCH=x86"):
        native_module(("x86",))
