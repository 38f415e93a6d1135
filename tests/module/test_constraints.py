"""What a natmod cannot have and what a small device cannot spare: checked on the objects of every target."""

import re
import shutil
import subprocess

import pytest

from tests.support.small_module import small_module
from tinymlaas.ctypes_host import NativeLibrary
from tinymlaas.errors import ModuleError
from tinymlaas.toolchain import paths
from tinymlaas.toolchain.hostlib import core_sources, part_sources

MAX_STACK_BYTES = 256
# Kernels of an instruction set, by folder, and the target whose builds have them.
INSTRUCTION_SETS = {"dsp": "m4", "m0plus": "m0plus", "rv32": "rv32"}
# Kernel target → compiler and its options.
TARGETS = {
    "x64": ["cc"],
    "m0plus": ["arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m0plus"],
    "m3": ["arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m3"],
    "m4": ["arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m4"],
    "rv32": ["riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "-specs=picolibc.specs"],
}
FLAGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-fpic", "-fno-stack-protector", "-fstack-usage"]
# Besides the core's own symbols: what libgcc and natmod_libc.c provide.
ALLOWED = re.compile(r"tml_|mem(cpy|set|move)$|__aeabi_|__u?(div|mod|mul|ashl|lshr)[sd]i3|__gnu_thumb1|_GLOBAL_OFFSET")


@pytest.fixture(scope="module", params=TARGETS)
def objects(request, tmp_path_factory):
    """(target, tool prefix, folder) with one object and one stack report for each source."""
    compiler, *options = TARGETS[request.param]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed; make deps does that")
    folder = tmp_path_factory.mktemp(request.param)
    include = f"-I{paths.native_dir()}"
    for i, source in enumerate([*core_sources(request.param), *part_sources("audio"), *part_sources("image")]):
        output = folder / f"{i}_{source.stem}.o"
        subprocess.run([compiler, *options, *FLAGS, include, "-c", source, "-o", output], check=True)
    return request.param, compiler.removesuffix("gcc").removesuffix("cc"), folder


def test_no_writable_data(objects):
    _, prefix, folder = objects
    for path in folder.glob("*.o"):
        headers = subprocess.run([f"{prefix}objdump", "-h", path], capture_output=True, text=True, check=True).stdout
        sizes = dict(re.findall(r"^\s*\d+ (\.\S+)\s+([0-9a-f]{8})", headers, re.M))
        writable = [name for name in sizes if name.startswith((".data", ".bss")) and ".rel.ro" not in name]
        assert all(int(sizes[name], 16) == 0 for name in writable), path.name


def _ships(path, target):
    """Whether a build of this target contains the source."""
    return INSTRUCTION_SETS.get(path.split("/kernels/")[-1].split("/")[0], target) == target


def test_stack(objects):
    target, _, folder = objects
    lines = [line.split("\t") for path in folder.glob("*.su") for line in path.read_text().splitlines()]
    shipped = [line for line in lines if _ships(line[0], target)]
    assert shipped
    assert [line for line in shipped if line[2] != "static" and "bounded" not in line[2]] == []
    assert [line for line in shipped if int(line[1]) > MAX_STACK_BYTES] == []


def test_nothing_is_called_but_the_core_itself(objects):
    _, prefix, folder = objects
    undefined = subprocess.run(
        [f"{prefix}nm", "-u", *folder.glob("*.o")], capture_output=True, text=True, check=True
    ).stdout
    names = set(re.findall(r"^\s+U (\S+)", undefined, re.M))
    assert {name for name in names if not ALLOWED.match(name)} == set()


def test_build_without_an_operator(tmp_path):
    sources = [s for s in core_sources("x64") if s.name != "softmax.c"]
    output = tmp_path / "small.so"
    flags = ["-O1", "-shared", "-fPIC", "-DTML_NO_SOFTMAX", f"-I{paths.native_dir()}"]
    subprocess.run(["cc", *flags, "-o", output, *sources], check=True)
    with pytest.raises(ModuleError, match=r"SOFTMAX \(code 7\) is not in this build"):
        NativeLibrary(output).load(small_module())
