"""Compilers, emulators and Node.js: what has to be on the machine, and how it gets there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import paths, process, stamps

NODE_MINIMUM = 18


@dataclass(frozen=True, slots=True)
class Need:
    """A distribution package, and how to see that what it brings is there: a program, or a file or header of a compiler."""

    package: str
    program: str
    file: str = ""
    header: str = ""

    def is_met(self) -> bool:
        """Asks the machine itself rather than a package manager, so that other installations count too."""
        if shutil.which(self.program) is None:
            return False
        if self.program == "node":
            return node_version() >= NODE_MINIMUM
        if self.header:
            return _compiler_includes(self.program, self.header)
        return not self.file or _compiler_finds(self.program, self.file)


NEEDS = (
    Need("make", "make"),
    Need("gcc", "cc"),
    Need("libc6-dev", "cc", "libc.so"),
    Need("g++", "c++"),
    Need("libasan8", "cc", "libasan.so"),
    Need("gcc-arm-none-eabi", "arm-none-eabi-gcc"),
    Need("libnewlib-dev", "arm-none-eabi-gcc", header="string.h"),
    Need("libnewlib-arm-none-eabi", "arm-none-eabi-gcc", "nosys.specs"),
    Need("libstdc++-arm-none-eabi-newlib", "arm-none-eabi-gcc", "libstdc++.a"),
    Need("gcc-riscv64-unknown-elf", "riscv64-unknown-elf-gcc"),
    Need("picolibc-riscv64-unknown-elf", "riscv64-unknown-elf-gcc", "picolibc.specs"),
    Need("qemu-system-arm", "qemu-system-arm"),
    Need("qemu-system-misc", "qemu-system-riscv32"),
    Need("cmake", "cmake"),
    Need("ninja-build", "ninja"),
    Need("socat", "socat"),
    Need("nodejs", "node"),
    Need("npm", "npm"),
    Need("chromium", "chromium"),
    Need("flite", "flite"),
)


def install_missing(needs: Iterable[Need] = NEEDS) -> list[str]:
    """Installs what is missing, when this is root on a machine with apt; returns the packages installed.

    Raises ToolchainError with the command to type when it may not install, or when a package is not to be had.
    """
    missing = [need.package for need in needs if not need.is_met()]
    if not missing:
        return []
    command = ["apt-get", "install", "--no-install-recommends", "-y", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ToolchainError(f"missing: {', '.join(missing)}; install them, on Debian: sudo {' '.join(command)}")
    with stamps.lock("apt"):
        process.say(f"installing {len(missing)} packages: {' '.join(missing)}")
        _apt_get(["apt-get", "update"])
        _apt_get(command)
    still = [need.package for need in needs if not need.is_met()]
    if still:
        raise ToolchainError(f"installed, but not usable: {', '.join(still)}; see build/logs/packages.log")
    return missing


def install_emulator() -> None:
    """Installs the emulator's locked npm packages, when they changed."""
    lock_file = paths.EMULATOR / "package-lock.json"
    if not lock_file.is_file():
        return
    key = stamps.fingerprint([lock_file, paths.EMULATOR / "package.json"])
    stamp = paths.EMULATOR / "node_modules" / ".tinyml-stamp"
    with stamps.lock("npm"):
        if not stamps.is_current(stamp, key, []):
            process.say("installing the emulator's npm packages")
            process.run(["npm", "ci", "--no-audit", "--no-fund"], what="npm ci", log="npm", cwd=paths.EMULATOR)
            stamps.write(stamp, key)


def node_version() -> int:
    """Major version of Node.js; 0 when it cannot be run."""
    try:
        text = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    match = re.match(r"v(\d+)\.", text)
    return int(match[1]) if match else 0


def _apt_get(command: list[str]) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    process.run(command, what=" ".join(command[:2]), log="packages", env=environment)


def _compiler_finds(compiler: str, file: str) -> bool:
    """True when gcc finds `file` in its search path: it prints a path then, else the bare name."""
    found = subprocess.run([compiler, f"-print-file-name={file}"], capture_output=True, text=True, check=False)
    return Path(found.stdout.strip()).is_absolute()


def _compiler_includes(compiler: str, header: str) -> bool:
    """True when the compiler finds the system header `header`."""
    source = f"#include <{header}>\n".encode()
    command = [compiler, "-E", "-x", "c", "-", "-o", "/dev/null"]
    return subprocess.run(command, input=source, capture_output=True, check=False).returncode == 0
