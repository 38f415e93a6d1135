"""tinymlaas inspect"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..compile import compile_model
from ..errors import UnsupportedError, UsageError
from ..plan import Plan
from ..predict import Prediction, predict, predictions
from ..report import plot_memory, shape_text, summary, thousands
from ..review import review
from ..run import check_target
from ..target import Board, board_by_name, kernel_target, load_boards
from ..unpack import Module, is_module, unpack
from .console import data, print_json, read_file, talk

_SHOWN = (
    "pico",
    "qemu-m3",
    "qemu-m4",
    "qemu-rv32",
)  # whose costs stand beside the layers: the first that runs the module


def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A module (.tml), or a .tflite which is compiled first.")
    ],
    plot: Annotated[Path | None, typer.Option(help="Draw the memory map into this file (.png, .svg, .pdf).")] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Board or kernel target a .tflite is compiled for; default: that of --on, or any."),
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="BOARD", help="Predict for this board only; default: all that run the module.")
    ] = None,
    selection: Annotated[
        bool, typer.Option("--selection", help="Say for each layer of a .tflite why it got its kernel.")
    ] = False,
    support: Annotated[
        bool, typer.Option("--support", help="Say for each layer of a .tflite whether it would run, and why not.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Show operators, kernels, predicted times, arena and flash of a model."""
    if support or not _runs(file):
        _review(file, as_json)
        return
    board = board_by_name(on) if on else None
    module, plan = _load(file, target, board)
    if selection and plan is None:
        raise UsageError(f"{file.name}: a finished module does not say what it was chosen from; give the .tflite")
    if board:
        check_target(module, board, file.name)
    if plot:
        plot_memory(module, plot)
        talk.print(f"memory map: {plot}", highlight=False, soft_wrap=True)
    found = predictions(module, [board] if board else None)
    facts = summary(module) | {"predictions": [_prediction(p) for p in found]}
    if plan:
        facts["selection"] = _selection(plan)
    if as_json:
        print_json(facts)
        return
    _print(facts, _shown(module, found, board))
    if selection:
        _print_selection(facts)


def _runs(file: Path) -> bool:
    """Whether every layer would run; a module does."""
    content = read_file(file)
    return is_module(content) or not any(x.refused for x in review(content, file.stem))


def _review(file: Path, as_json: bool) -> None:
    """Every layer with what would run, or why not; ends with an error when something would not."""
    content = read_file(file)
    if is_module(content):
        raise UsageError(f"{file.name}: a finished module runs as a whole; give the .tflite")
    found = review(content, file.stem)
    refused = sum(bool(x.refused) for x in found)
    if as_json:
        print_json({"runs": not refused, "layers": [asdict(x) for x in found]})
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("#", "operator", "runs as", "name"):
            table.add_column(name, justify="right" if name == "#" else "left")
        for x in found:
            table.add_row(str(x.index), x.operator, (x.refused and "-") or ", ".join(x.kernels) or "nothing", x.name)
        data.print(table)
        for x in found:
            if x.refused:
                data.print(f"layer {x.index} '{x.name}' ({x.operator}): {x.refused}", highlight=False, soft_wrap=True)
    if refused:
        raise UnsupportedError(f"{file.stem}: {refused} of {len(found)} layers would not run")


def _load(file: Path, target: str | None, board: Board | None) -> tuple[Module, Plan | None]:
    """The module, and the plan it was made from where this command made it."""
    content = read_file(file)
    if is_module(content):
        if target:
            raise UsageError(f"{file.name}: already a module, --target is for a .tflite; --on predicts for a board")
        return unpack(content, file.name), None
    wanted = kernel_target(target) if target else board.kernel_target if board else "any"
    compiled = compile_model(content, file.stem, wanted)
    return unpack(compiled.module, file.name), compiled.plan


def _prediction(p: Prediction) -> dict[str, Any]:
    return {
        "board": p.board,
        "unit": p.unit,
        "total": round(p.total),
        "time_us": None if p.time_us is None else round(p.time_us),
        "basis": p.basis,
        "layers": [round(x) for x in p.layers],
    }


def _selection(plan: Plan) -> list[list[dict[str, Any]]]:
    """For each layer the kernels that were considered, the chosen one first."""
    return [[asdict(c) | {"cost": round(c.cost)} for c in step.candidates] for step in plan.steps]


def _shown(module: Module, found: list[Prediction], board: Board | None) -> Prediction | None:
    """The prediction that stands beside the layers."""
    if board:
        return predict(module, board)
    by_board = {p.board: p for p in found}
    return next((by_board[name] for name in _SHOWN if name in by_board), None)


def _print(facts: dict[str, Any], shown: Prediction | None) -> None:
    data.print(f"[bold]{facts['name']}[/]  for target {facts['target']}", highlight=False)
    for kind in ("inputs", "outputs"):
        for t in facts[kind]:
            text = f"  {kind[:-1]:6} {shape_text(t['shape'])} {t['dtype']}"
            data.print(f"{text}  scale {t['scale']:.6g}  zero point {t['zero_point']}", highlight=False)
    data.print(_table(facts, shown))
    keys = ("macs", "arena_bytes", "liveness_bound_bytes", "scratch_bytes", "module_bytes")
    macs, arena, live, scratch, flash = (thousands(facts[key]) for key in keys)
    state = f"state {thousands(facts['state_bytes'])} B, " if facts["state_bytes"] else ""
    data.print(
        f"MACs {macs}   arena {arena} B ({state}live values {live} B, scratch {scratch} B)   flash {flash} B",
        highlight=False,
        soft_wrap=True,
    )
    if facts["signed"]:
        said = "release {counter}, says it is signed by key {fingerprint}, epoch {epoch}".format(**facts["signed"])
        data.print(f"{said}: not checked here", highlight=False, soft_wrap=True)
    _print_predictions(facts)


def _table(facts: dict[str, Any], shown: Prediction | None) -> Table:
    table = Table(box=None, pad_edge=False)
    names = ["#", "operator", "kernel", "input", "output", "MACs", "constants B", "scratch B"]
    names += [f"{shown.unit} on {shown.board}"] if shown else []
    names += ["ms"] if shown and shown.us_per_unit else []
    for name in names:
        table.add_column(name, justify="left" if name in ("operator", "kernel", "input", "output") else "right")
    for row in facts["layers"]:
        numbers = [thousands(row[key]) for key in ("macs", "constant_bytes", "scratch_bytes")]
        shapes = [shape_text(row[key]) for key in ("in_shape", "out_shape")]
        cost = shown.layers[row["index"]] if shown else 0.0
        numbers += [thousands(round(cost))] if shown else []
        numbers += [f"{cost * shown.us_per_unit / 1000:.2f}"] if shown and shown.us_per_unit else []
        table.add_row(str(row["index"]), row["operator"], row["kernel"], *shapes, *numbers)
    return table


def _print_predictions(facts: dict[str, Any]) -> None:
    """One line per figure with the boards it is for; where there is no basis for a time, the count alone."""
    boards: dict[tuple[str, ...], list[str]] = {}
    for p in facts["predictions"]:
        time = "" if p["time_us"] is None else f"{p['time_us'] / 1000:.2f} ms"
        boards.setdefault((f"{thousands(p['total'])} {p['unit']}", time, p["basis"]), []).append(p["board"])
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify)
    for figures, names in boards.items():
        table.add_row(", ".join(names), *figures)
    if boards:
        data.print("predicted:", highlight=False)
        data.print(table)
    left_out = _without(facts)
    if left_out:
        data.print(f"no prediction: {', '.join(left_out)}", highlight=False, soft_wrap=True)


def _without(facts: dict[str, Any]) -> list[str]:
    """Boards that run the module and have no cost model."""
    known = {p["board"] for p in facts["predictions"]}
    runs = [b for b in load_boards().values() if facts["target"] in ("any", b.kernel_target)]
    return [] if len(known) == 1 else [b.id for b in runs if b.id not in known]


def _print_selection(facts: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("#", "operator", "kernel", "predicted", "scratch B", "refused"):
        table.add_column(name, justify="right" if name in ("#", "predicted", "scratch B") else "left")
    for row, considered in zip(facts["layers"], facts["selection"], strict=True):
        for number, c in enumerate(considered):
            head = [str(row["index"]), row["operator"]] if number == 0 else ["", ""]
            figures = ["", ""] if c["refused"] else [thousands(c["cost"]), thousands(c["scratch_bytes"])]
            table.add_row(*head, c["variant"], *figures, c["refused"])
    data.print()
    data.print(table)
