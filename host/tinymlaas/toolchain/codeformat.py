"""MicroPython's C style, as its tools/codeformat.py applies it: uncrustify with its settings, then #-lines dedented."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import paths, sources

FOLDERS = ("native_module", "boards", "tests", "device")
# Generated from planfmt and audiotables.py, which decide their layout.
GENERATED = ("tml_format.h", "tables.c")


def c_files() -> list[Path]:
    """The C sources of the repository that the style applies to."""
    found = [path for folder in FOLDERS for path in (paths.REPO / folder).rglob("*.[ch]")]
    return sorted(path for path in found if path.name not in GENERATED)


def format_c(files: Iterable[Path], *, check: bool) -> list[Path]:
    """Brings `files` into style, or with `check` only finds out; returns those that are (were) not in style."""
    changed = []
    with tempfile.TemporaryDirectory() as scratch:
        for path in files:
            text = path.read_text()
            styled = _styled(path, Path(scratch))
            if styled != text:
                changed.append(path)
                if not check:
                    path.write_text(styled)
    return changed


def _styled(path: Path, scratch: Path) -> str:
    # Formats twice where needed: uncrustify's first pass can leave work for a second one.
    copy = Path(shutil.copy2(path, scratch / path.name))
    config = sources.micropython().root / "tools" / "uncrustify.cfg"
    command = [_uncrustify(), "-c", str(config), "-lC", "--no-backup", "-q", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolchainError(f"{paths.shown(path)}: uncrustify failed: {done.stderr.strip()}")
    return "".join(dedent_directives(copy.read_text().splitlines(keepends=True)))


def dedent_directives(lines: list[str]) -> Iterator[str]:
    """Indents #if and its kin like the line that follows where that is an else or a case, as codeformat.py does."""
    stack: list[int] = []  # per open #if: how far it and its kin move left
    for number, line in enumerate(lines):
        match = re.match(r"( +)#(if |ifdef |ifndef |elif |else|endif)", line)
        if match is None:
            yield line
            continue
        if match[2].startswith("if"):
            following = lines[number + 1] if number + 1 < len(lines) else ""
            stack.append(_shift(len(match[1]), following))
        yield line[stack[-1] if stack else 0 :]
        if match[2] == "endif" and stack:
            stack.pop()


def _shift(indent: int, following: str) -> int:
    spaces = len(following) - len(following.lstrip(" "))
    return 4 if indent - 4 == spaces and re.match(r" +(} else |case )", following) else 0


def _uncrustify() -> str:
    beside_python = Path(sys.executable).with_name("uncrustify")
    found = str(beside_python) if beside_python.exists() else shutil.which("uncrustify")
    if found is None:
        raise ToolchainError("uncrustify is not installed; run: make deps")
    return found
