"""Plan → module bytes. Same plan, same bytes."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .graph import Array, Op, State, Tensor
from .memory import aligned
from .plan import Plan, Span, Step
from .planfmt import (
    ALIGN,
    DTYPES,
    FORMAT_VERSION,
    HEADER,
    MAGIC,
    MAX_RANK,
    OPERATORS,
    RECORD_BYTES,
    STATEFUL,
    TARGETS,
    TENSOR,
    record_layout,
    runtime_of,
)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A seeded input and the bytes that the model must answer, one entry per output."""

    seed: int
    outputs: tuple[bytes, ...]


def selftest_inputs(seed: int, sizes: Sequence[int]) -> list[bytes]:
    """Input bytes of a self-test vector: xorshift32, the top byte of each state in turn, over all inputs."""
    state, out = seed & 0xFFFFFFFF, []
    for size in sizes:
        data = bytearray(size)
        for i in range(size):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            data[i] = state >> 24
        out.append(bytes(data))
    return out


def pack(plan: Plan, selftests: Sequence[SelfTest] = ()) -> bytes:
    """The module file of a plan."""
    tests = b"".join(_selftest(t) for t in selftests)
    metadata = json.dumps(plan.metadata, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    tensors_at = HEADER.nbytes
    beginnings = [_beginning(plan, s) for s in plan.states]
    n_records = len(beginnings) + len(plan.steps)
    records_at = aligned(tensors_at + TENSOR.nbytes * (len(plan.inputs) + len(plan.outputs)), 4)
    tests_at = records_at + RECORD_BYTES * n_records
    metadata_at = tests_at + len(tests)
    constants_at = aligned(metadata_at + len(metadata))
    records = (*beginnings, *plan.steps)
    constants, places = _constants(records, constants_at)
    scratch = {s.first: s for s in plan.spans if s.tensor < 0}
    payload = _join(
        tensors_at,
        (tensors_at, b"".join(_tensor(plan, t) for t in plan.inputs + plan.outputs)),
        (
            records_at,
            b"".join(_record(plan, s, scratch.get(n - len(beginnings)), places) for n, s in enumerate(records)),
        ),
        (tests_at, tests),
        (metadata_at, metadata),
        (constants_at, constants),
    )
    header = HEADER.pack(
        {
            "magic": MAGIC,
            "format_version": FORMAT_VERSION,
            "min_runtime": max((runtime_of(s.operator, s.fields.get("flags", 0)) for s in records), default=1),
            "file_bytes": HEADER.nbytes + len(payload),
            "target": TARGETS[plan.target],
            "arena_bytes": plan.arena_bytes,
            "scratch_bytes": max((s.scratch_bytes for s in plan.steps), default=0),
            "n_inputs": len(plan.inputs),
            "n_outputs": len(plan.outputs),
            "n_selftests": len(selftests),
            "n_records": n_records,
            "n_init": len(beginnings),
            "flags": STATEFUL if plan.states else 0,
            "state_blocks": plan.state_bytes // ALIGN,
            "tensors_offset": tensors_at,
            "records_offset": records_at,
            "constants_offset": constants_at,
            "constants_bytes": len(constants),
            "selftests_offset": tests_at,
            "selftests_bytes": len(tests),
            "metadata_offset": metadata_at,
            "metadata_bytes": len(metadata),
            "payload_sha256": hashlib.sha256(payload).digest(),
        }
    )
    return header + payload


def _join(start: int, *sections: tuple[int, bytes]) -> bytes:
    out = bytearray()
    for offset, data in sections:
        out += bytes(offset - start - len(out)) + data
    return bytes(out)


def _selftest(test: SelfTest) -> bytes:
    data = struct.pack("<I", test.seed) + b"".join(test.outputs)
    return data + bytes(-len(data) % 4)


def _constants(steps: Sequence[Step], start: int) -> tuple[bytes, dict[bytes, int]]:
    """All constants once each, 16-byte aligned, and the file offset of each."""
    blob, places = bytearray(), {}
    for data in (d for s in steps for d in s.constants.values()):
        if data in places:
            continue
        blob += bytes(-len(blob) % ALIGN)
        places[data] = start + len(blob)
        blob += data
    return bytes(blob), places


def _beginning(plan: Plan, state: State) -> Step:
    """Puts a state at its beginning: a MOVE of constants, of a single one where all bytes are the same."""
    same = len(set(state.initial)) == 1
    fields = {
        "count": [1, 1, 1, len(state.initial)],
        "in_stride": [0, 0, 0, 0 if same else 1],
        "out_stride": [0, 0, 0, 1],
        "constant": 1,
    }
    op = Op("MOVE", plan.tensors[state.read].name, -1, (), (state.read,), None)
    return Step("MOVE", op, fields, {"output": state.read}, {"input": state.initial[:1] if same else state.initial})


def _record(plan: Plan, step: Step, scratch: Span | None, places: dict[bytes, int]) -> bytes:
    fields = dict(step.fields, op=OPERATORS[step.operator][0])
    fields |= {name: plan.offset(tensor) for name, tensor in step.operands.items()}
    fields |= {name: places[data] for name, data in step.constants.items()}
    fields |= {name: fields[name] + offset for name, offset in step.offsets.items()}
    if step.scratch_bytes and scratch:
        fields |= {"scratch": scratch.offset, "scratch_bytes": step.scratch_bytes}
    if "aux" in step.constants:
        fields["aux_bytes"] = len(step.constants["aux"])
    return record_layout(step.operator).pack(fields).ljust(RECORD_BYTES, b"\0")


def _tensor(plan: Plan, index: int) -> bytes:
    tensor = plan.tensors[index]
    quant = tensor.quant
    return TENSOR.pack(
        {
            "offset": plan.offset(index),
            "bytes": tensor.bytes,
            "dtype": DTYPES[tensor.dtype],
            "rank": len(tensor.shape),
            "zero_point": quant.zero_point if quant else 0,
            "scale": int(np.float32(quant.scale).view(np.uint32)) if quant else 0,
            "shape": _shape(tensor),
        }
    )


def _shape(tensor: Tensor) -> list[int]:
    return [*tensor.shape, *[0] * (MAX_RANK - len(tensor.shape))]


def selftest_of(seed: int, outputs: Sequence[Array]) -> SelfTest:
    """A vector from evaluated outputs."""
    return SelfTest(seed, tuple(np.ascontiguousarray(o).tobytes() for o in outputs))
