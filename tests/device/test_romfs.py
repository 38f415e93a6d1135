"""ROMFS images: what our builder makes, MicroPython mounts; what MicroPython's builder makes, our reader reads."""

import ast
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpremote.romfs import VfsRomWriter

from tinymlaas import romfs
from tinymlaas.device.pico import EmulatedPico
from tinymlaas.device.unix import UnixBoard
from tinymlaas.errors import ModuleError
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

FILES = {
    "a.tml": bytes(range(256)) * 5,
    "lib/app.py": b"print('hello')\n",
    "lib/deep/er/x": b"x",
    "empty": b"",
    "größe.bin": b"\xff" * 33,
}
names = st.text("abcxyz._-é", min_size=1, max_size=20).filter(lambda name: name not in (".", ".."))
trees = st.dictionaries(st.one_of(names, st.tuples(names, names).map("/".join)), st.binary(max_size=300), max_size=8)

MOUNTED = """
import vfs, uctypes, hashlib, binascii
for name in {names!r}:
    data = open({root!r} + name, 'rb').read()
    mapped = memoryview(open({root!r} + name, 'rb'))
    print((name, hashlib.sha256(data).digest(), uctypes.addressof(mapped) % 16 if data else 0, bytes(mapped) == data))
"""


def is_possible(files):
    """No file is also a directory."""
    return not any(path + "/" == other[: len(path) + 1] for path in files for other in files)


@given(trees.filter(is_possible))
def test_what_is_built_is_parsed_and_aligned(files):
    image = romfs.build(files)
    assert romfs.parse(image) == files
    assert image == romfs.build(dict(reversed(files.items())))
    found = romfs.extents(lambda offset, length: image[offset : offset + length])
    assert all(extent.offset % romfs.ALIGNMENT == 0 for extent in found.values())


def test_an_image_by_another_builder_is_read():
    writer = VfsRomWriter()
    writer.mkfile("one", b"verbatim" * 40)
    writer.opendir("dir")
    writer.mkfile("two", b"2")
    writer.closedir()
    assert romfs.parse(writer.finalise()) == {"one": b"verbatim" * 40, "dir/two": b"2"}


@given(st.integers(0, len(romfs.build(FILES)) - 1), st.integers(1, 255))
def test_a_damaged_image_is_refused_or_read_never_anything_else(at, change):
    image = bytearray(romfs.build(FILES))
    image[at] ^= change
    with contextlib.suppress(ModuleError):
        assert isinstance(romfs.parse(bytes(image)), dict)


@pytest.mark.parametrize("paths", [["a", "a/b"], ["/a"], ["a//b"], ["a/"]])
def test_impossible_paths_are_refused(paths):
    with pytest.raises(ModuleError):
        romfs.build(dict.fromkeys(paths, b""))


def check_mounted(output):
    for line, (name, data) in zip(output.decode().splitlines(), FILES.items(), strict=True):
        assert ast.literal_eval(line) == (name, hashlib.sha256(data).digest(), 0, True)


def test_the_pico_mounts_it_and_maps_files_in_place():
    firmware = build_firmware(board_by_name("pico"), stock=True).image
    with EmulatedPico(firmware, romfs=romfs.build(FILES)) as pico:
        check_mounted(pico.exec(MOUNTED.format(names=list(FILES), root="/rom/")))
        first = "import uctypes\nprint(uctypes.addressof(memoryview(open('/rom/a.tml', 'rb'))) >> 24)"
        assert pico.exec(first).strip() == b"16"  # 0x10…: flash itself
        pico.soft_reset()
        assert pico.exec("import app").strip() == b"hello"  # /rom/lib is on the path after a boot


def test_the_unix_port_mounts_it():
    binary = build_firmware(board_by_name("unix"), stock=True).image
    with UnixBoard(binary) as board:
        if board.exec("import vfs\nprint(hasattr(vfs, 'VfsRom'))").strip() != b"True":
            pytest.skip("this unix build has no VfsRom")
        # the buffer is padded so that the image can begin at a multiple of 16 bytes, as it does in flash
        board.exec(f"import uctypes\n_b = bytearray({len(romfs.build(FILES))} + 16)\n_s = -uctypes.addressof(_b) % 16")
        board.exec(f"_b[_s:_s + {len(romfs.build(FILES))}] = {romfs.build(FILES)!r}")
        board.exec("vfs.mount(vfs.VfsRom(memoryview(_b)[_s:]), '/rom')")
        check_mounted(board.exec(MOUNTED.format(names=list(FILES), root="/rom/")))
