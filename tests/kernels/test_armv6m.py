"""The assembly of the m0plus kernels beside its C models, on a Cortex-M0 in QEMU: equal on random and extreme data."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tinymlaas.toolchain import paths

SOURCES = Path(__file__).with_name("armv6m")
COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
FLAGS = ["-mcpu=cortex-m0plus", "-mthumb", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffunction-sections"]
LINK = ["-specs=rdimon.specs", "-Wl,--gc-sections", f"-T{SOURCES / 'microbit.ld'}"]
ROUNDS = 400


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Assembly and models in one bare-metal program; what it does not call is left out by the linker."""
    if shutil.which(COMPILER) is None or shutil.which(EMULATOR) is None:
        pytest.skip(f"{COMPILER} or {EMULATOR} is not installed; make deps does that")
    output = tmp_path_factory.mktemp("armv6m") / "primitives.elf"
    native = paths.native_dir()
    files = [*sorted(SOURCES.glob("*.c")), *sorted((native / "kernels" / "m0plus").glob("*.c"))]
    subprocess.run([COMPILER, *FLAGS, f"-I{native}", "-o", output, *files, *LINK], check=True)
    return output


def run(program: Path, seed: int) -> subprocess.CompletedProcess[str]:
    words = ",".join(f"arg={word}" for word in ("primitives", seed, ROUNDS))
    options = ["-M", "microbit", "-nographic", "-monitor", "none", "-serial", "none", "-kernel", str(program)]
    semihosting = f"enable=on,target=native,{words}"
    command = [EMULATOR, *options, "-semihosting-config", semihosting]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def declared() -> set[str]:
    """Every primitive that the headers declare for Armv6-M."""
    headers = (paths.native_dir() / "kernels" / "mk").glob("*.h")
    text = "\n".join(path.read_text() for path in headers)
    blocks = re.findall(r"#if defined\(__thumb__\) && !defined\(__thumb2__\)\n(.*?)#e", text, re.S)
    return set(re.findall(r"^\w[^\n]*?\b(tml_\w+)\(", "\n".join(blocks), re.M))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_assembly_equals_its_models(program: Path, seed: int) -> None:
    done = run(program, seed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(done.stdout.split()) == declared()
