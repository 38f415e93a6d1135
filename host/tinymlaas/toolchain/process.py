"""Runs compilers quietly: output goes to a log file, progress to stderr, the end of the log into the error."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import paths

LOG_TAIL_LINES = 40
HEARTBEAT_S = 20.0
console = Console(stderr=True, highlight=False)


def jobs() -> int:
    """Parallel compilations per build: ``TINYML_JOBS``, else the number of cores."""
    return int(os.environ.get("TINYML_JOBS") or os.cpu_count() or 1)


def say(message: str) -> None:
    """One line of progress on stderr."""
    if console.is_terminal:
        console.file.write("\x1b[K")
    console.print(message, markup=False, soft_wrap=True)


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    log: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    fresh_log: bool = False,
) -> float:
    """Runs `command`, its output goes (is appended) to build/logs/<log>.log; returns seconds taken.

    Raises ToolchainError with the last lines of the log when the command fails or is not installed.
    """
    log_path = paths.build_dir() / "logs" / f"{log}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    words = [str(word) for word in command]
    with log_path.open("wb" if fresh_log else "ab") as sink:
        sink.write(("$ " + " ".join(words) + "\n").encode())
        sink.flush()
        code = _wait(_start(words, sink.fileno(), cwd, env), what, log_path)
    if code != 0:
        raise ToolchainError(_failure(what, code, log_path))
    return time.monotonic() - begin


def capture(command: Sequence[str | Path], *, cwd: Path | None = None) -> str:
    """Standard output of a short command; raises ToolchainError naming the command and its message."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolchainError(_not_installed(words[0])) from None
    if done.returncode != 0:
        raise ToolchainError(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _start(words: list[str], sink: int, cwd: Path | None, env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **(env or {})}
    # A parent make's job server and variables must not leak into the makes of third parties.
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
        environment.pop(name, None)
    try:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, cwd=cwd, env=environment
        )
    except FileNotFoundError:
        raise ToolchainError(_not_installed(words[0])) from None


def _wait(process: subprocess.Popen[bytes], what: str, log_path: Path) -> int:
    try:
        return _show_progress(process, what, log_path)
    except BaseException:
        process.terminate()
        process.wait()
        raise


def _show_progress(process: subprocess.Popen[bytes], what: str, log_path: Path) -> int:
    begin = said = time.monotonic()
    while True:
        try:
            return process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if now - said >= (2.0 if console.is_terminal else HEARTBEAT_S):
                said = now
                _heartbeat(f"{what}: {now - begin:.0f} s  {_last_line(log_path)}")


def _heartbeat(line: str) -> None:
    if console.is_terminal:
        # One line, overwritten: build logs are long and rarely wanted.
        console.file.write("\x1b[K" + line[: max(20, console.width - 1)] + "\r")
        console.file.flush()
    else:
        say(line)


def _last_line(log_path: Path) -> str:
    with log_path.open("rb") as log:
        log.seek(max(0, log_path.stat().st_size - 400))
        lines = log.read().decode(errors="replace").splitlines()
    return lines[-1].strip()[:100] if lines else ""


def _failure(what: str, code: int, log_path: Path) -> str:
    tail = log_path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return f"{what} failed with exit code {code}; last lines of {paths.shown(log_path)}:\n" + "\n".join(tail)


def _not_installed(program: str) -> str:
    return f"{program} is not installed; run: make deps"
