"""Commands on files that mean harm, in a process that may take 1 GB more than it began with, and 5 s of CPU for each command."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinymlaas.toolchain import paths

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one command did: exit code, what it printed on stderr, CPU time in seconds; ``crash``: a stack trace, or none."""

    words: tuple[str, ...]
    code: int
    talk: str
    seconds: float
    crash: str


def run(commands: Sequence[Sequence[str]]) -> list[Outcome]:
    """The commands one after the other in one process; a process that a limit has ended has no outcome for the rest."""
    given = json.dumps([[str(word) for word in words] for words in commands])
    done = subprocess.run(
        [sys.executable, "-m", __name__], input=given, capture_output=True, text=True, cwd=paths.REPO, check=False
    )
    found = [Outcome(tuple(words), *rest) for words, *rest in map(json.loads, done.stdout.splitlines())]
    if len(found) < len(commands):
        raise AssertionError(f"ended by a limit ({done.returncode}) at: {commands[len(found)]}\n{done.stderr[-2000:]}")
    return found


def is_clean(outcome: Outcome) -> bool:
    """Done, or refused with one sentence on stderr: no stack trace, no bare exception."""
    if outcome.code == 0:
        return not outcome.crash
    lines = outcome.talk.strip().splitlines()
    return not outcome.crash and outcome.code in (1, 2, 3) and len(lines) == 1 and lines[0].startswith("error: ")


def _main() -> None:
    from tinymlaas import cli, compile, review  # noqa: F401 - before the limit

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)
    out = sys.stdout
    for words in json.load(sys.stdin):
        print(json.dumps(_one(words)), file=out, flush=True)


def _one(words: list[str]) -> tuple[list[str], int, str, float, str]:
    from tinymlaas.cli import console, main

    begin, code, crash, talk = time.process_time(), 0, "", io.StringIO()
    # Not RLIMIT_CPU, which counts from the start of the process, in ticks: on a busy machine these run ahead by seconds.
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS + 1)
    console.talk.file = talk
    sys.argv = ["tinymlaas", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(talk):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            crash = traceback.format_exc()
    return words, code, talk.getvalue(), time.process_time() - begin, crash


if __name__ == "__main__":
    _main()
