"""MicroPython's cross compiler, which freezes Python files into firmware."""

from __future__ import annotations

import shutil
from pathlib import Path

from tinymlaas.toolchain import paths, process, sources, stamps


def mpy_cross(tree: sources.MicroPython) -> Path:
    """The mpy-cross of `tree`, built on first use, outside of the tree."""
    folder = paths.build_dir() / "mpy-cross" / tree.version_text
    program, stamp = folder / "mpy-cross", folder / "stamp"
    key = stamps.fingerprint([], tree.root)
    with stamps.lock("mpy-cross"):
        if not stamps.is_current(stamp, key, [program]):
            shutil.rmtree(folder, ignore_errors=True)
            process.say("building mpy-cross")
            command = ["make", f"-j{process.jobs()}", "-C", str(tree.root / "mpy-cross"), f"BUILD={folder}"]
            process.run(command, what="mpy-cross", log="mpy-cross", env=tree.environment, fresh_log=True)
            stamps.write(stamp, key)
    return program
