"""``python -m tinymlaas.costs``: the cost model beside measurement, layer by layer, on emulated boards.

Measured are the models of ``make bench`` and the small layers of ``synthetic.py``, as portable modules and as modules made for each
board; all figures are exact counts. ``--fit`` puts better costs into ``variants/costs.toml``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .bench import BOARDS, markdown_table, sources
from .cli.console import fail, talk
from .compile import compile_model, plan_graph
from .errors import TinymlError
from .graph import Array
from .pack import pack
from .plan import Step
from .predict import UNITS, steps
from .report import shape_text, shapes_of, thousands
from .run import profile_module
from .synthetic import graph, parts
from .target import board_by_name
from .unpack import unpack
from .variants import VARIANTS, cost, costs, plain

_LAYERS = 40  # of synthetic.py in one module: their inputs fit a Pico
_FLOOR = 100.0  # below that many cycles errors do not weigh more
_RIDGE = 1e-3
_DIGITS = 4
_HEAD = (
    "# Cycles (m0plus) or executed instructions (others) of each part of a kernel: target, kernel, operator.\n"
    "# Written by: python -m tinymlaas.costs --fit\n"
)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One layer on one board. made_for: kernel target of its module; count: cycles or executed instructions."""

    board: str
    target: str  # of the board
    made_for: str
    model: str
    step: Step
    count: float

    @property
    def predicted(self) -> float:
        """In the same unit."""
        return cost(self.step, self.target)

    @property
    def error(self) -> float:
        """Of the prediction, as a share of the measurement."""
        return self.predicted / self.count - 1


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m tinymlaas.costs", description=__doc__)
    parser.add_argument("--boards", default=",".join(BOARDS), help="comma-separated")
    parser.add_argument("--fit", action="store_true", help="rewrite variants/costs.toml for these boards")
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst layers to list")
    arguments = parser.parse_args()
    try:
        measured = [m for board in arguments.boards.split(",") for m in measure(board)]
    except TinymlError as error:
        fail(error)
    if arguments.fit:
        save(fit(measured))
    print("\n\n".join((by_kernel(measured), by_model(measured), worst(measured, arguments.worst))))


# Measuring


def measure(board_id: str) -> Iterator[Measured]:
    """Every layer of every module on a board."""
    board = board_by_name(board_id)
    for made_for in ("any", board.kernel_target):
        for name, data in _modules(made_for):
            talk.print(f"{name} for {made_for} on {board_id}", highlight=False)
            counts = profile_module(data, name, board_id).layers
            for step, count in zip(steps(unpack(data)), counts, strict=True):
                yield Measured(board_id, board.kernel_target, made_for, name, step, count)


def _modules(target: str) -> Iterator[tuple[str, bytes]]:
    for piece in parts(graph(), _LAYERS):
        yield piece.name, pack(plan_graph(piece, target, {}))
    for name, (data, _, _) in sources().items():
        yield name, compile_model(data, name, target).module


# Fitting


def fit(measured: Sequence[Measured]) -> dict[str, dict[str, dict[str, costs.Counts]]]:
    """The table of ``costs.toml`` with the measured targets' part made anew."""
    table = dict(costs.table())
    for target in dict.fromkeys(m.target for m in measured):
        table[target] = {}
        mine = [m for m in measured if m.target == target]
        for key in sorted({(m.step.variant, m.step.operator) for m in mine}):
            count = _counts_of(*key, target)
            if count is not None:
                found = solve([(count(m.step), m.count) for m in mine if (m.step.variant, m.step.operator) == key])
                table[target].setdefault(key[0], {})[key[1]] = found
    return table


def _counts_of(variant: str, operator: str, target: str) -> Callable[[Step], costs.Counts] | None:
    if variant == "plain":
        return lambda step: plain.counts(step, target)
    found = (v.counts for v in VARIANTS if (v.name, v.operator) == (variant, operator))
    return next(found, None)


def solve(rows: Iterable[tuple[costs.Counts, float]]) -> costs.Counts:
    """Costs of the parts, none negative, by least squares of the relative errors; each distinct layer counts once."""
    distinct = {(tuple(counts.items()), total): (counts, total) for counts, total in rows}.values()
    names = sorted({name for counts, _ in distinct for name, n in counts.items() if n})
    totals = np.array([total for _, total in distinct])
    weights = 1 / np.maximum(totals, _FLOOR)
    matrix = np.array([[counts.get(name, 0.0) for name in names] for counts, _ in distinct]) * weights[:, None]
    while True:
        found = _least_squares(matrix, totals * weights)
        if not names or found.min() >= 0:
            return {name: float(f"{x:.{_DIGITS}g}") for name, x in zip(names, found, strict=True)}
        out = int((found * np.linalg.norm(matrix, axis=0)).argmin())
        names.pop(out)
        matrix = np.delete(matrix, out, axis=1)


def _least_squares(matrix: Array, wanted: Array) -> Array:
    """With a little pull towards zero: some parts always run together."""
    scale = np.linalg.norm(matrix, axis=0)
    extended = np.vstack([matrix / scale, _RIDGE * np.eye(matrix.shape[1])])
    found: Array = np.linalg.lstsq(extended, np.append(wanted, np.zeros(len(scale))), rcond=None)[0] / scale
    return found


def save(table: dict[str, dict[str, dict[str, costs.Counts]]]) -> None:
    """Writes ``costs.toml``, and forgets what was read from it."""
    sections = [
        "\n".join([f"[{target}.{variant}.{operator}]", *(f"{part} = {value}" for part, value in found.items())])
        for target, variants in sorted(table.items())
        for variant, operators in sorted(variants.items())
        for operator, found in sorted(operators.items())
    ]
    costs.PATH.write_text(_HEAD + "\n" + "\n\n".join(sections) + "\n")
    costs.table.cache_clear()


# Tables


def by_kernel(measured: Sequence[Measured]) -> str:
    """Errors of the predictions for each kernel of each board."""
    keys = sorted({(m.board, m.step.operator, m.step.variant) for m in measured})
    body = [
        _kernel_row(key, [m for m in measured if (m.board, m.step.operator, m.step.variant) == key]) for key in keys
    ]
    return markdown_table(
        "Layers, predicted against measured", ("board", "operator", "kernel", "layers", "median", "worst"), body
    )


def _kernel_row(key: tuple[str, str, str], layers: Sequence[Measured]) -> list[str]:
    errors = sorted((m.error for m in layers), key=abs)
    return [*key, str(len(layers)), f"{100 * np.median(np.abs(errors)):.1f} %", f"{100 * errors[-1]:+.1f} %"]


def by_model(measured: Sequence[Measured]) -> str:
    """Whole models, made for the board they run on."""
    mine = [m for m in measured if m.made_for == m.target]
    body = []
    for board, model in dict.fromkeys((m.board, m.model) for m in mine):
        layers = [m for m in mine if (m.board, m.model) == (board, model)]
        guess, count = sum(m.predicted for m in layers), sum(m.count for m in layers)
        unit = UNITS[layers[0].target]
        body.append(
            [
                board,
                model,
                thousands(round(guess)),
                thousands(round(count)),
                unit,
                f"{100 * (guess / count - 1):+.1f} %",
            ]
        )
    return markdown_table("Whole models", ("board", "model", "predicted", "measured", "unit", "error"), body)


def worst(measured: Sequence[Measured], count: int) -> str:
    """The layers whose predictions are farthest off."""
    chosen = sorted(measured, key=lambda m: -abs(m.error))[:count]
    body = [
        [m.board, m.model, m.step.operator, m.step.variant, _shapes(m.step),
         thousands(round(m.predicted)), thousands(round(m.count)), f"{100 * m.error:+.1f} %"]
        for m in chosen
    ]  # fmt: skip
    head = ("board", "model", "operator", "kernel", "shape", "predicted", "measured", "error")
    return markdown_table("Farthest off", head, body)


def _shapes(step: Step) -> str:
    return " → ".join(shape_text(shape) for shape in shapes_of(step.operator, step.fields))


if __name__ == "__main__":
    main()
