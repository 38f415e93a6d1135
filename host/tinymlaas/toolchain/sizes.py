"""How much flash compiled code takes, read from object files; and the table that `make size` prints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from tinymlaas.toolchain import paths

# Unwind tables and notes that some compilers emit but no firmware of ours reads.
NOT_CODE = (".eh_frame", ".ARM.exidx", ".ARM.extab", ".note", ".comment")


def flash_bytes(objects: Iterable[Path]) -> int:
    """Bytes of code and constants in the given object files, before the linker drops what nobody calls."""
    return sum(_loaded_bytes(path) for path in objects)


def _loaded_bytes(path: Path) -> int:
    from elftools.elf.constants import SH_FLAGS  # builds need it; the commands that import this module do not
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as handle:
        sections = list(ELFFile(handle).iter_sections())
        return sum(
            int(section["sh_size"])
            for section in sections
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC
            and section["sh_type"] != "SHT_NOBITS"
            and not section.name.startswith(NOT_CODE)
        )


def report() -> Table:
    """All firmwares and natmods that have been built, with their sizes in bytes."""
    table = Table(title="built images (bytes)")
    for heading in ("image", "MicroPython", "target", "file", "runtime flash"):
        table.add_column(heading, justify="left" if heading in ("image", "MicroPython", "target") else "right")
    for path in sorted(paths.build_dir().glob("*/[!.]*/build.json")):
        info = json.loads(path.read_text())
        numbers = (f"{info[key]:,}" for key in ("image_bytes", "runtime_flash_bytes"))
        name = str(path.parent.relative_to(paths.build_dir()))
        table.add_row(name, info["micropython"], info["kernel_target"], *numbers)
    return table
