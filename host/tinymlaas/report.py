"""What is inside a module, layer by layer, read from its records alone; and a picture of its memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .planfmt import ALIGN, CHANNEL, DTYPE_BYTES, DTYPES, REDUCE_FUNCTIONS, SCALE, VARIANTS, WIDE_CHANNEL
from .sign import claims, fingerprint
from .unpack import Module, figures_of

Fields = dict[str, Any]
_KERNELS = {number: name for name, number in VARIANTS.items()}


@dataclass(frozen=True, slots=True)
class Layer:
    """One record: shapes, multiply-accumulates, constants, and where its operands lie in the arena (bytes)."""

    index: int
    operator: str
    kernel: str  # key of planfmt.VARIANTS
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    macs: int
    constant_bytes: int
    scratch_bytes: int
    reads: tuple[tuple[int, int], ...]  # (arena offset, bytes)
    writes: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Block:
    """A region of the arena and the layers during which it holds one value."""

    label: str
    offset: int
    bytes: int
    first: int
    last: int


def thousands(value: int) -> str:
    """A number with its thousands set apart."""
    return f"{value:,}".replace(",", " ")


def shape_text(shape: Iterable[int]) -> str:
    """A shape as people write it: 8x8x16."""
    return "x".join(map(str, shape))


def layers(module: Module) -> list[Layer]:
    """All layers in order of execution."""
    with figures_of(module):
        return [_layer(i, name, fields) for i, (name, fields) in enumerate(module.records)]


def blocks(module: Module) -> list[Block]:
    """What the arena holds when: inputs, every layer's output, scratch."""
    found = layers(module)
    values = [(t.name, t.offset, t.bytes, 0) for t in module.inputs]
    values += [(f"{x.index} {x.operator}", *x.writes, x.index) for x in found]
    out = [_block(value, found, module) for value in values]
    for x, (_, fields) in zip(found, module.records, strict=True):
        if x.scratch_bytes:
            out.append(Block("scratch", fields["scratch"], x.scratch_bytes, x.index, x.index))
    return out


def _block(value: tuple[str, int, int, int], found: list[Layer], module: Module) -> Block:
    label, offset, size, first = value
    if any(t.offset == offset and _last_writer(found, offset) == first for t in module.outputs):
        return Block(label, offset, size, first, len(found))
    last = first
    for x in found[first:]:
        if any(at == offset for at, _ in x.reads):
            last = x.index
        if x.writes[0] == offset and x.index > first:
            break
    return Block(label, offset, size, first, last)


def _last_writer(found: list[Layer], offset: int) -> int:
    return max((x.index for x in found if x.writes[0] == offset), default=0)


def _image(f: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (f["in_h"], f["in_w"], f["in_c"]), (f["out_h"], f["out_w"], f["out_c"])


def _pad(f: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    out = tuple(a + b + c for a, b, c in zip(f["before"], f["in_shape"], f["after"], strict=True))
    return tuple(f["in_shape"]), out


def _binary(f: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return _operand_shape(f, "broadcast1"), tuple(f["shape"])


def _operand_shape(f: Fields, mask: str) -> tuple[int, ...]:
    return tuple(1 if f[mask] >> i & 1 else n for i, n in enumerate(f["shape"]))


def _reduce(f: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(f["count"]), tuple(f["count"][:2])


def _move(f: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    read = tuple(n if stride else 1 for n, stride in zip(f["count"], f["in_stride"], strict=True))
    return read, tuple(f["count"])


def _matrix(f: Fields, number: int) -> tuple[int, ...]:
    """An operand of BATCH_MATMUL, 1 or 2."""
    batch = (1 if f[f"broadcast{number}"] >> i & 1 else n for i, n in enumerate(f["batch"]))
    return (*batch, f["rows" if number == 1 else "columns"], f["depth"])


_SHAPES: dict[str, Callable[[Fields], tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "CONV_2D": _image,
    "DEPTHWISE_CONV_2D": _image,
    "CONV_INT16": _image,
    "AVERAGE_POOL_2D": _image,
    "MAX_POOL_2D": _image,
    "POOL_INT16": _image,
    "FULLY_CONNECTED": lambda f: ((f["rows"], f["in_features"]), (f["rows"], f["out_features"])),
    "ADD": lambda f: ((f["count"],), (f["count"],)),
    **dict.fromkeys(("SOFTMAX", "SOFTMAX_INT16"), lambda f: ((f["rows"], f["depth"]), (f["rows"], f["depth"]))),
    "PAD": _pad,
    "COPY": lambda f: ((f["count"],), (f["count"],)),
    "LOOKUP": lambda f: ((f["count"],), (f["count"],)),
    **dict.fromkeys(("BINARY", "BINARY_INT16"), _binary),
    **dict.fromkeys(("REDUCE", "REDUCE_INT16"), _reduce),
    "MOVE": _move,
    "GATHER": lambda f: ((f["in_bytes"],), (f["count"], f["run"])),
    "SIGMOID_INT16": lambda f: ((f["count"],), (f["count"],)),
    "QUANTIZE": lambda f: ((f["count"],), (f["count"],)),
    "RESIZE_BILINEAR": lambda f: (
        (f["images"], f["in_h"], f["in_w"], f["channels"]),
        (f["images"], f["out_h"], f["out_w"], f["channels"]),
    ),
    "BATCH_MATMUL": lambda f: (_matrix(f, 1), (*f["batch"], f["rows"], f["columns"])),
    "SVDF": lambda f: ((f["in_features"],), (f["units"],)),
    "LSTM": lambda f: ((f["steps"], f["in_features"]), (f["steps"], f["units"])),
}


def shapes_of(operator: str, fields: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of a record's input and output."""
    return _SHAPES[operator](fields)


def _weights(operator: str, f: Fields) -> tuple[int, int, int]:
    """(MACs, bytes of weights, output channels)."""
    if operator == "FULLY_CONNECTED":
        weights = f["in_features"] * f["out_features"]
        return f["rows"] * weights, weights, f["out_features"]
    if operator == "SVDF":
        filters = f["units"] * f["rank"]
        return filters * (f["in_features"] + f["memory"]), filters * f["in_features"], 0
    if operator == "LSTM":
        weights = 4 * f["units"] * (f["in_features"] + f["units"])
        return f["steps"] * weights, weights, 0
    if operator == "BATCH_MATMUL":
        return math.prod((*f["batch"], f["rows"], f["columns"], f["depth"])), 0, 0
    depth = {"CONV_2D": "in_c", "DEPTHWISE_CONV_2D": "", "CONV_INT16": "filter_c"}.get(operator)
    if depth is None:
        return 0, 0, 0
    window = f["filter_h"] * f["filter_w"] * (f[depth] if depth else 1)
    return f["out_h"] * f["out_w"] * f["out_c"] * window, window * f["out_c"], f["out_c"]


def _item_bytes(operator: str, f: Fields) -> tuple[int, int]:
    """Bytes of an element of the input, and of the output."""
    if operator == "QUANTIZE":
        a, b = (next(n for n, number in DTYPES.items() if number == f[key]) for key in ("in_dtype", "out_dtype"))
        return DTYPE_BYTES[a], DTYPE_BYTES[b]
    if operator == "REDUCE" and f["function"] >= REDUCE_FUNCTIONS["ARG_MAX"]:
        return 1, 4
    if operator.endswith("_INT16"):
        return 2, 2
    return 1, 2 if operator == "SOFTMAX" and f["flags"] else 1


def _operands(operator: str, f: Fields, in_shape: tuple[int, ...]) -> tuple[tuple[tuple[int, int], ...], int]:
    """(arena offset, bytes) of each input that lies in the arena, and the bytes of those that are constants."""
    size = math.prod(in_shape) * _item_bytes(operator, f)[0]
    found = [(name, size) for name in ("input", "input2") if name in f]
    if operator in ("BINARY", "BINARY_INT16"):
        found[1] = "input2", math.prod(_operand_shape(f, "broadcast2")) * _item_bytes(operator, f)[0]
    if operator == "BATCH_MATMUL":
        found[1] = "input2", math.prod(_matrix(f, 2))
    mask: int = f.get("constants", 0) | f.get("constant", 0)
    reads = tuple((f[name], size) for i, (name, size) in enumerate(found) if not mask >> i & 1)
    return reads, sum(size for i, (_, size) in enumerate(found) if mask >> i & 1)


def _remembering(operator: str, f: Fields) -> dict[str, int]:
    """Bytes of the constants that only layers with a state of their own have."""
    if operator == "SVDF":
        filters = f["units"] * f["rank"]
        return {"time": filters * f["memory"] * f["state_item"], "bias": 4 * (filters + f["units"])}
    return {"bias": 32 * f["units"], "scales": 8 * SCALE.nbytes, "table": 512} if operator == "LSTM" else {}


def _layer(index: int, operator: str, f: Fields) -> Layer:
    in_shape, out_shape = shapes_of(operator, f)
    macs, weights, channels = _weights(operator, f)
    reads, operand_bytes = _operands(operator, f, in_shape)
    channel = WIDE_CHANNEL if operator == "CONV_INT16" else CHANNEL
    stored = {"weights": weights, "channels": channels * channel.nbytes, "aux": f.get("aux_bytes", 0)}
    stored |= {"table": 256, "offsets": 4 * math.prod(out_shape[:1])}
    stored |= _remembering(operator, f)
    constant_bytes = operand_bytes + sum(size for name, size in stored.items() if f.get(name))
    writes = (f["output"], math.prod(out_shape) * _item_bytes(operator, f)[1])
    scratch_bytes = f.get("scratch_bytes", 0)
    kernel = _KERNELS.get(f["variant"], f"variant {f['variant']}")
    return Layer(index, operator, kernel, in_shape, out_shape, macs, constant_bytes, scratch_bytes, reads, writes)


def summary(module: Module) -> dict[str, Any]:
    """Everything that ``inspect --json`` prints; sizes in bytes."""
    found = layers(module)
    return {
        "name": module.metadata.get("name", ""),
        "target": module.target,
        "inputs": [_tensor(t) for t in module.inputs],
        "outputs": [_tensor(t) for t in module.outputs],
        "labels": module.metadata.get("labels", []),
        "operators": _counts(found),
        "layers": [_row(x) for x in found],
        "macs": sum(x.macs for x in found),
        "arena_bytes": module.arena_bytes,
        "state_bytes": module.header["state_blocks"] * ALIGN,
        "scratch_bytes": module.header["scratch_bytes"],
        "liveness_bound_bytes": liveness_bound(module),
        "module_bytes": len(module.data),
        "constants_bytes": module.header["constants_bytes"],
        "selftests": module.header["n_selftests"],
        "source_sha256": module.metadata.get("source_sha256", ""),
        "made_by": module.metadata.get("made_by", ""),
        "signed": _signed(module),
    }


def _signed(module: Module) -> dict[str, Any] | None:
    said = claims(module.data)
    return said and {**said, "signer": said["signer"].hex(), "fingerprint": fingerprint(said["signer"])}


def liveness_bound(module: Module) -> int:
    """Largest sum of values alive at one layer: what a plan that lets no operands overlap needs at least."""
    alive = [b for b in blocks(module) if b.label != "scratch"]
    return max(
        (sum(b.bytes for b in alive if b.first <= n <= b.last) for n in range(len(module.records) + 1)), default=0
    )


def _counts(found: list[Layer]) -> dict[str, int]:
    names = [x.operator for x in found]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _tensor(t: Any) -> dict[str, Any]:
    return {"name": t.name, "shape": list(t.shape), "dtype": t.dtype, "scale": t.scale, "zero_point": t.zero_point}


def _row(x: Layer) -> dict[str, Any]:
    return {
        "index": x.index,
        "operator": x.operator,
        "kernel": x.kernel,
        "in_shape": list(x.in_shape),
        "out_shape": list(x.out_shape),
        "macs": x.macs,
        "constant_bytes": x.constant_bytes,
        "scratch_bytes": x.scratch_bytes,
    }


def plot_memory(module: Module, path: Path) -> None:
    """Draws the arena over the layers: one rectangle per value, as high as it is large. Format by the file's ending."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    found = blocks(module)
    steps = len(module.records)
    figure, axes = plt.subplots(figsize=(max(7.0, 0.45 * steps + 2.5), 5.0), layout="constrained")
    colours = plt.get_cmap("tab20").colors  # type: ignore[attr-defined]
    for i, b in enumerate(found):
        colour = "0.35" if b.label == "scratch" else colours[i % len(colours)]
        width = b.last - b.first + 1
        axes.broken_barh(
            [(b.first - 0.5, width)], (b.offset, b.bytes), facecolor=colour, edgecolor="black", linewidth=0.6
        )
        if b.bytes > module.arena_bytes / 25:
            text = thousands(b.bytes)
            axes.text(b.first - 0.5 + width / 2, b.offset + b.bytes / 2, text, ha="center", va="center", fontsize=7)
    axes.axhline(module.arena_bytes, color="black", linestyle="--", linewidth=0.8)
    axes.set_xlim(-0.6, steps + 0.6)
    axes.set_ylim(0, module.arena_bytes * 1.06)
    axes.set_xticks(
        range(steps), [f"{i} {name}" for i, (name, _) in enumerate(module.records)], rotation=60, ha="right", fontsize=7
    )
    axes.set_ylabel("arena offset (bytes)")
    axes.set_title(f"{module.metadata.get('name', 'module')}: arena {thousands(module.arena_bytes)} B")
    figure.savefig(path, dpi=130)
    plt.close(figure)
