"""Which lines and branches of the loader, the checks and the fixed-point helpers the ordinary tests reach: gcc counts, gcovr adds up."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import hostlib, paths, process

# What must be covered to the last branch: all that stands between a file and the kernels.
COVERED = ("tml_load.c", "tml_status.c", "tml_fixed.h", "kernels/scratch.h", "kernels/check/")
TESTS = (
    "tests/module/test_loader.py",
    "tests/module/test_branches.py",
    "tests/module/test_checks.py",
    "tests/module/test_checks_int16.py",
    "tests/kernels/test_fixed.py",
)
_FLAGS = ("-std=c99", "-O0", "-g", "--coverage", "-fPIC")
_TARGETS = ("x64", "m4")  # a build without variants of kernels, and one with them
_FOLDER = "TINYML_COVERAGE"  # in the environment of the tests: where what they compile themselves counts


@dataclass(frozen=True, slots=True)
class Covered:
    """One file: how much of it was reached, and where not: "12" for a line, "12 (1 of 4 branches)" for branches."""

    path: str
    lines: int
    branches: int
    missing: tuple[str, ...]


def flags() -> list[str]:
    """Options for a test that compiles C itself, so that it counts too; none when nobody counts."""
    return ["-O0", "--coverage", "-fno-sanitize=all"] if _FOLDER in os.environ else []


def folder(otherwise: Path) -> Path:
    """Where such a test puts what it compiles."""
    return Path(os.environ.get(_FOLDER, otherwise))


def measure() -> list[Covered]:
    """Builds the core for counting, runs the tests, and returns every file of COVERED. ToolchainError when a test fails."""
    build = paths.build_dir() / "coverage"
    shutil.rmtree(build, ignore_errors=True)
    for target in _TARGETS:
        _build(build, target)
    environment = {_FOLDER: str(build), hostlib.READY: str(build)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *TESTS]
    process.run(command, what="tests that count", log="coverage", cwd=paths.REPO, env=environment, fresh_log=True)
    return _report(build)


def table(files: list[Covered]) -> Table:
    """For people."""
    shown = Table("file", "lines", "branches", "not reached", title="coverage")
    for f in files:
        shown.add_row(f.path, str(f.lines), str(f.branches), ", ".join(f.missing) or "nothing")
    return shown


def _build(build: Path, target: str) -> None:
    """Every source an object of its own: two of one name would count into one file."""
    objects: list[Path] = []
    (build / target).mkdir(parents=True)
    for number, source in enumerate(hostlib.core_sources(target)):
        objects.append(build / target / f"{number}_{source.stem}.o")
        command: list[str | Path] = ["cc", *_FLAGS, f"-I{paths.native_dir()}", "-c", source, "-o", objects[-1]]
        process.run(command, what=f"{source.name} for {target}", log="coverage-build")
    library = build / hostlib.library_name(target)
    process.run(["cc", "--coverage", "-shared", "-o", library, *objects], what=library.name, log="coverage-build")


def _report(build: Path) -> list[Covered]:
    output = build / "coverage.json"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "gcovr",
        "--root",
        paths.native_dir(),
        "--object-directory",
        build,
        "--json",
        output,
    ]
    process.run(
        [*command, "--merge-mode-functions=separate", build], what="gcovr", log="coverage-gcovr", fresh_log=True
    )
    files = {f["file"]: f["lines"] for f in json.loads(output.read_text())["files"]}
    found = [_covered(path, lines) for path, lines in sorted(files.items()) if path.startswith(COVERED)]
    if {name for name in COVERED if not any(f.path.startswith(name) for f in found)}:
        raise ToolchainError(f"gcovr has seen none of {', '.join(COVERED)}; see build/logs/coverage-gcovr.log")
    return found


def _covered(path: str, lines: list[dict[str, object]]) -> Covered:
    """gcovr names a line once for each function it is in."""
    taken: dict[int, list[int]] = {}
    counts: dict[int, int] = {}
    for line in lines:
        number, branches = int(str(line["line_number"])), line["branches"]
        counts[number] = counts.get(number, 0) + int(str(line["count"]))
        assert isinstance(branches, list)
        before = taken.get(number) or [0] * len(branches)
        taken[number] = [a + b["count"] for a, b in zip(before, branches, strict=True)]
    missing = [_words(n, counts[n], taken[n]) for n in sorted(counts)]
    return Covered(path, len(counts), sum(map(len, taken.values())), tuple(filter(None, missing)))


def _words(line: int, count: int, branches: list[int]) -> str:
    if not count:
        return str(line)
    return f"{line} ({branches.count(0)} of {len(branches)} branches)" if 0 in branches else ""
