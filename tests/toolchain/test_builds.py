"""Firmware, natmods and host libraries: what is in them, and that a second build does nothing."""

import dataclasses
import json
import struct
import subprocess

import pytest

from tinymlaas.errors import ToolchainError, UsageError
from tinymlaas.target import board_by_name
from tinymlaas.toolchain import firmware, hostlib, natmod, paths, uf2

MPY_ARCH_NUMBER = {"x64": 2, "armv6m": 4, "armv7m": 5, "armv7emsp": 7, "rv32imc": 11}


def python(image, code):
    """What the Unix port prints for `code`."""
    done = subprocess.run([image, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def build_twice(build, path):
    """Modification times of everything beside `path` after a first and after a second build."""
    times = []
    for _ in range(2):
        build()
        times.append({item: item.stat().st_mtime_ns for item in sorted(path.rglob("*")) if item.is_file()})
    return times


@pytest.mark.parametrize("stock", [False, True])
def test_second_firmware_build_does_nothing(stock):
    board = board_by_name("unix")
    first, second = build_twice(
        lambda: firmware.build_firmware(board, stock=stock), firmware.output_folder(board, stock)
    )
    assert first == second != {}


def test_unix_firmware_has_module_package_and_romfs_and_stock_has_not():
    code = (
        "import vfs; print(hasattr(vfs, 'VfsRom'))\ntry:\n import {0}; print('{0}')\nexcept ImportError: print('none')"
    )
    ours = firmware.build_firmware(board_by_name("unix")).image
    stock = firmware.build_firmware(board_by_name("unix"), stock=True).image
    for name in ("_tinyml", "_tinyml_ed25519", "_tinyml_audio", "_tinyml_image", "tinyml"):
        assert python(ours, code.format(name)) == f"True\n{name}"
        assert python(stock, code.format(name)) == "True\nnone"


def test_version_is_micropythons_not_that_of_the_repository_around_it():
    image = firmware.build_firmware(board_by_name("unix")).image
    assert "MicroPython v1.25.0 on 2025-04-15" in python(image, "import sys; print(sys.version)")


def test_pico_firmware_fits_below_its_romfs():
    built = firmware.build_firmware(board_by_name("pico"))
    blocks = built.image.read_bytes()
    addresses = [struct.unpack_from("<I", blocks, at + 12)[0] for at in range(0, len(blocks), uf2.BLOCK_BYTES)]
    assert addresses == list(range(uf2.FLASH_BASE, uf2.FLASH_BASE + len(addresses) * 256, 256))
    assert addresses[-1] < uf2.FLASH_BASE + 0xA0000
    assert 4_000 < built.runtime_flash_bytes < 40_000
    assert 10_000 < built.parts_flash_bytes["ed25519"] < 15_000
    assert 3_000 < built.parts_flash_bytes["audio"] < 5_500
    assert 2_000 < built.parts_flash_bytes["image"] < 4_500


def test_firmware_that_leaves_no_room_is_refused():
    board = dataclasses.replace(board_by_name("pico"), romfs_bytes=1_000_000)
    with pytest.raises(ToolchainError, match="firmware takes 400000 bytes, 48576 are left of 2097152"):
        firmware._check_flash(board, 400_000)


def test_board_without_firmware_of_ours_says_so():
    with pytest.raises(ToolchainError, match="ESP32_GENERIC: no firmware is built for it here"):
        firmware.build_firmware(board_by_name("esp32"))


def test_failed_build_shows_the_compilers_message(tmp_path, monkeypatch):
    module = tmp_path / "scratch" / "native_module"
    module.mkdir(parents=True)
    for name in ("Makefile", "sources.mk"):
        (module / name).write_text((paths.REPO / "native_module" / name).read_text())
    (module / "natmod_libc.c").write_text("")
    (module / "mod_tinyml.c").write_text("#error this is what went wrong\n")
    monkeypatch.setenv("TINYML_NATIVE_DIR", str(module))
    monkeypatch.setenv("TINYML_BUILD", str(tmp_path / "build"))
    with pytest.raises(ToolchainError, match="this is what went wrong"):
        natmod.build_natmod("x64")


@pytest.mark.parametrize("arch", natmod.ARCHES)
def test_natmod_is_for_its_architecture_and_small(arch):
    built = natmod.build_natmod(arch)
    header = built.path.read_bytes()[:4]
    assert header[0:2] == b"M\x06"
    assert header[2] >> 2 == MPY_ARCH_NUMBER[arch]
    # With all operators; those that remember, and integers of other sizes, are 6 KB of it and can be left out (OPS=).
    assert built.mpy_bytes < 36 * 1024
    assert json.loads((built.path.parent / "build.json").read_text())["kernel_target"] == natmod.ARCHES[arch]


@pytest.mark.parametrize("arch", natmod.ARCHES)
@pytest.mark.parametrize(
    ("module", "most"), [("_tinyml_ed25519", 15_000), ("_tinyml_audio", 6_500), ("_tinyml_image", 5_000)]
)
def test_the_modules_beside_it_are_small(arch, module, most):
    built = natmod.build_part(arch, module)
    assert built.path.name == f"{module}.mpy"
    assert built.path.read_bytes()[2] >> 2 == MPY_ARCH_NUMBER[arch]
    assert built.mpy_bytes < most  # all of it is RAM


@pytest.mark.parametrize("build", [natmod.build_natmod, natmod.build_verifier])
def test_second_natmod_build_does_nothing(build):
    first, second = build_twice(lambda: build("armv6m"), build("armv6m").path.parent)
    assert first == second != {}


def test_natmod_loads_on_stock_firmware():
    stock = firmware.build_firmware(board_by_name("unix"), stock=True).image
    folder = natmod.build_natmod("x64").path.parent
    assert python(stock, f"import sys; sys.path[0] = {str(folder)!r}; import _tinyml; print(_tinyml.target())") == "x64"


def test_natmod_with_chosen_operators_is_smaller_and_loads():
    chosen = natmod.build_natmod("x64", ["FULLY_CONNECTED", "COPY"])
    assert chosen.mpy_bytes < natmod.build_natmod("x64").mpy_bytes * 3 // 4
    stock = firmware.build_firmware(board_by_name("unix"), stock=True).image
    code = f"import sys; sys.path[0] = {str(chosen.path.parent)!r}; import _tinyml; print(_tinyml.target())"
    assert python(stock, code) == "x64"


def test_unknown_architecture_and_operator_are_named():
    with pytest.raises(UsageError, match="unknown architecture 'arm64'; known are: x64"):
        natmod.build_natmod("arm64")
    with pytest.raises(UsageError, match=r"unknown operators: NMS; known are: .*CONV_2D"):
        natmod.build_natmod("x64", ["NMS"])


def test_natmod_build_leaves_the_source_folder_clean():
    natmod.build_natmod("x64")
    made = {path.suffix for path in paths.native_dir().rglob("*")}
    assert made.isdisjoint({".o", ".mpy", ".d"})
    assert not (paths.native_dir() / ".mpy_ld_cache").exists()


@pytest.mark.parametrize("sanitize", [False, True])
def test_host_library_is_built_once(sanitize):
    path = hostlib.build_hostlib(sanitize=sanitize)
    before = path.stat().st_mtime_ns
    assert hostlib.build_hostlib(sanitize=sanitize).stat().st_mtime_ns == before
    assert (b"__asan_init" in path.read_bytes()) == sanitize


def test_unknown_kernel_target_is_named():
    with pytest.raises(ToolchainError, match="kernel target 'm99'"):
        hostlib.build_hostlib("m99")
