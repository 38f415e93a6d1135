"""One compilation in a process of its own: whatever an uploaded file does to it, the server goes on.

``python -m tinymlaas.service.compiler`` reads a job (a line of JSON, then the .tflite) and answers a line of JSON, then the module.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..compile import Compiled, compile_model
from ..errors import ServiceError, TinymlError
from ..plan import Step
from ..predict import UNITS, predictions
from ..report import summary
from ..unpack import unpack

MEMORY_BYTES = 3 << 30
SECONDS = 300
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TINYML_BOARDS", "TMPDIR")  # no database URL, no key reaches the process


@dataclass(frozen=True, slots=True)
class Job:
    """What a module depends on besides the source: model name, kernel target, class names."""

    name: str
    target: str
    labels: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The module without signature, what is known of it, and why it became so, in lines of text."""

    module: bytes
    facts: dict[str, Any]
    trace: list[str]


class CompilerDied(TinymlError):
    """The compiler's process ended without an answer."""


def compile_here(source: bytes, job: Job) -> Result:
    """Compiles in this process. Same source, same job, same tinymlaas: same bytes."""
    compiled = compile_model(source, job.name, job.target, {"labels": job.labels} if job.labels else {})
    return Result(compiled.module, facts_of(compiled.module), _trace(compiled, job))


def compile_apart(source: bytes, job: Job, alive: Callable[[], bool] = lambda: True) -> Result:
    """Compiles in another process, at most 300 s and 3 GiB. ServiceError 422 with the importer's message for a model that cannot be
    compiled, CompilerDied when the process did. ``alive`` is asked every few seconds and ends it by False."""
    environment = {k: os.environ[k] for k in _PASSED_ON if k in os.environ} | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-I", "-m", __name__]
    pipe = subprocess.PIPE
    with tempfile.TemporaryFile() as given:  # a pipe's input is not written on after the first timeout of communicate()
        given.write(json.dumps(asdict(job)).encode() + b"\n" + source)
        given.seek(0)
        with subprocess.Popen(command, stdin=given, stdout=pipe, stderr=pipe, env=environment) as process:
            try:
                out, err = _talk(process, alive)
            finally:
                process.kill()
    return _answer(job, process.returncode, out, err)


def _talk(process: subprocess.Popen[bytes], alive: Callable[[], bool]) -> tuple[bytes, bytes]:
    for _ in range(SECONDS):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=1.0)
        if not alive():
            return b"", b"stopped"
    return b"", b"took longer than %d s" % SECONDS


def _answer(job: Job, status: int, out: bytes, err: bytes) -> Result:
    line, _, module = out.partition(b"\n")
    if status or not line:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or [f"exit status {status}"]
        raise CompilerDied(f"{job.name} for {job.target}: the compiler's process died: {last[0]}")
    answer = json.loads(line)
    if "refused" in answer:
        raise ServiceError(422, answer["refused"], "")
    return Result(module, answer["facts"], answer["trace"])


def facts_of(module: bytes) -> dict[str, Any]:
    """What a verdict and people want to know of a module."""
    decoded = unpack(module)
    predicted = {
        p.board: {"total": round(p.total), "unit": p.unit, "time_us": p.time_us and round(p.time_us), "basis": p.basis}
        for p in predictions(decoded)
    }
    versions = {name: decoded.header[name] for name in ("format_version", "min_runtime")}
    return {**summary(decoded), **versions, "predicted": predicted}


def _trace(compiled: Compiled, job: Job) -> list[str]:
    plan = compiled.plan
    first = (
        f"target {job.target}: {len(plan.steps)} layers, arena {plan.arena_bytes} B, module {len(compiled.module)} B"
    )
    return [first, *(_reason(n, step, UNITS.get(job.target, "units")) for n, step in enumerate(plan.steps))]


def _reason(number: int, step: Step, unit: str) -> str:
    """Such as "layer 2 CONV_2D: dsp, 44304 instructions; plain would take 323584; tile: sums may exceed 16 bits"."""
    words = [f"{step.variant}, {step.cost:.0f} {unit}" if step.cost else step.variant]
    for other in step.candidates:
        if other.refused:
            words.append(f"{other.variant}: {other.refused}")
        elif other.variant != step.variant:
            words.append(f"{other.variant} would take {other.cost:.0f}")
    if len(words) == 1:
        words.append("the only kernel for it here")
    return f"layer {number} {step.operator}: {'; '.join(words)}"


def main() -> None:
    """The child: one job from standard input to standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    line, _, source = sys.stdin.buffer.read().partition(b"\n")
    try:
        result = compile_here(source, Job(**json.loads(line)))
        answer, module = {"facts": result.facts, "trace": result.trace}, result.module
    except TinymlError as error:
        answer, module = {"refused": str(error)}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + module)


if __name__ == "__main__":
    main()
