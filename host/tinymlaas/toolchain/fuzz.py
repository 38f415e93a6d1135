"""Coverage-guided fuzzing: libFuzzer on loader and kernels of every target, atheris on the importer. What it finds stays in build/fuzz."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import hostlib, packages, paths, process

NEEDS = (
    packages.Need("clang-14", "clang-14"),
    packages.Need("libclang-rt-14-dev", "clang-14", "libclang_rt.fuzzer-x86_64.a"),
)
TARGETS = ("any", "m0plus", "m4", "rv32")  # their kernels have C models that run here
_SOURCES = paths.REPO / "tests" / "fuzz"
_AT_ONCE = 2
# Small layers are run in slices too, and no more work is let through than a moment's.
_DEFINES = ("-DTML_SLICE_STEPS=64", "-DTML_MAX_WORK=(UINT64_C(1)<<24)")
_LIMITS = ("-max_len=8192", "-timeout=30", "-rss_limit_mb=3072", "-print_final_stats=1", "-use_value_profile=1")
_FINDINGS = ("crash-*", "timeout-*", "oom-*", "leak-*", "slow-unit-*")


@dataclass(frozen=True, slots=True)
class Report:
    """What a fuzzer did. findings: files with the bytes that ended it; words: the end of its log, where it found something."""

    name: str
    executions: int
    coverage: int
    findings: tuple[Path, ...]
    words: str


def fuzz(seconds: int) -> list[Report]:
    """Runs every fuzzer for so many seconds, two at a time; ToolchainError when one cannot be built."""
    packages.install_missing(NEEDS)
    jobs = {f"module-{target}": [str(_built(target))] for target in TARGETS}
    jobs["importer"] = [sys.executable, "-m", "tests.fuzz.fuzz_importer"]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda name: _run(name, jobs[name], seconds), jobs))


def table(reports: list[Report]) -> Table:
    """For people."""
    shown = Table("fuzzer", "executions", "edges covered", "findings", title="fuzzing")
    for r in reports:
        found = "\n".join(paths.shown(path) for path in r.findings) or "none"
        shown.add_row(r.name, f"{r.executions:,}", f"{r.coverage:,}", found)
    return shown


def _built(target: str) -> Path:
    """Always anew: it takes seconds, and the core is what changes."""
    program = paths.build_dir() / "fuzz" / f"module-{target}" / "fuzzer"
    program.parent.mkdir(parents=True, exist_ok=True)
    options = ["-g", "-O1", "-std=c99", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    files = [_SOURCES / "module.c", *hostlib.core_sources(target)]
    command: list[str | Path] = ["clang-14", *options, *_DEFINES, f"-I{paths.native_dir()}", "-o", program, *files]
    process.run(command, what=f"fuzzer of {target}", log=f"fuzz-build-{target}", fresh_log=True)
    return program


def _run(name: str, command: list[str], seconds: int) -> Report:
    seeds = _SOURCES / "corpus" / name.partition("-")[0]
    folder = paths.build_dir() / "fuzz" / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-artifact_prefix={folder}/", f"-max_total_time={seconds}", *_LIMITS]
    words = ""
    try:
        process.run([*command, corpus, seeds, *options], what=name, log=f"fuzz-{name}", cwd=paths.REPO, fresh_log=True)
    except ToolchainError as error:
        words = str(error)
    log = (paths.build_dir() / "logs" / f"fuzz-{name}.log").read_text(errors="replace")
    found = tuple(sorted(path for pattern in _FINDINGS for path in folder.glob(pattern)))
    return Report(name, _last(log, r"number_of_executed_units: (\d+)"), _last(log, r"cov: (\d+)"), found, words)


def _last(log: str, pattern: str) -> int:
    return int((re.findall(pattern, log) or [0])[-1])
