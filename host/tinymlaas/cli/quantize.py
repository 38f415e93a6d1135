"""tinymlaas quantize"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..errors import UsageError
from ..graph import Array
from ..quantize import samples as data_files
from ..quantize.accuracy import accuracy
from ..quantize.classes import check_count, truth
from ..quantize.compare import compare
from ..quantize.network import FloatNetwork, int8_network
from ..quantize.picture import draw
from ..quantize.quiet import quiet
from ..quantize.report import Report, percent
from ..quantize.samples import Samples
from ..quantize.source import Pair, Source
from ..quantize.sources import open_source
from ..quantize.verdict import verdict
from ..report import shape_text
from .console import data, print_json, progress, read_file, talk, write_file


def quantize(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help=".keras, .h5, SavedModel folder, .onnx, .pt2 or FILE.py:NAME.")
    ],
    calibrate: Annotated[Path, typer.Option(metavar="X.npy", help="Typical inputs, .npy or .npz; a hundred or more.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The int8 model.")],
    test: Annotated[
        Path | None, typer.Option(metavar="X.npy", help="Inputs that accuracy is measured on; default: the others.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Their classes, one a sample: .npy, or text of numbers or names.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Text file, one class name per line, in the order of the model's outputs.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Turn a trained float model into a full-integer .tflite, and say what that costs in accuracy."""
    if output.suffix != ".tflite":
        raise UsageError(f"{output}: the result is TensorFlow Lite; name it OUT.tflite")
    given = data_files.load_samples(calibrate)
    tested = data_files.load_samples(test) if test else given
    truths = data_files.load_labels(labels) if labels else tested.labels
    if truths is not None:
        check_count(truths, len(tested.inputs))
    names = read_file(classes).decode("utf-8", "replace").splitlines() if classes else []
    source = _opened(model)
    inputs, tests = (_inputs(source, s) for s in (given, tested))
    _warn(given)
    pair = _quantised(source, inputs)
    report = _report(source, pair, tests, truths, [n.strip() for n in names if n.strip()], output.stem)
    write_file(output, pair.int8_model)
    picture = output.with_suffix(".accuracy.png")
    draw(picture, f"{output.name}: {report.headline()}", report.accuracy, report.comparison.layers)
    if as_json:
        print_json({"model": str(output), "bytes": len(pair.int8_model), "picture": str(picture), **report.as_json()})
    else:
        _print(report, picture)


def _opened(model: str) -> Source:
    with talk.status(f"reading {Path(model).name}"):
        return open_source(model)


def _inputs(source: Source, given: Samples) -> Array:
    return source.device_order(data_files.shaped(given, source.input_shape, source.name))


def _warn(given: Samples) -> None:
    if len(given.inputs) < data_files.ENOUGH:
        talk.print(
            f"[yellow]warning:[/] {given.name} holds {len(given.inputs)} samples; the ranges of layers are taken from them, "
            f"give {data_files.ENOUGH} or more",
            highlight=False,
            soft_wrap=True,
        )


def _quantised(source: Source, inputs: Array) -> Pair:
    with progress(f"converting and calibrating {source.name}") as update:
        return source.quantise(inputs, update)


def _report(source: Source, pair: Pair, inputs: Array, labels: Array | None, names: list[str], name: str) -> Report:
    with progress("comparing float and int8") as update, quiet():
        module = source.interpreter()
        int8 = int8_network(module, pair.int8_model, name)
        found = compare(FloatNetwork(module, pair.float_model), int8, inputs, update)
    right = None
    if labels is not None:
        known = truth(labels, found.float_outputs.shape[1], names)
        right = accuracy(found.float_outputs, found.int8_outputs, known)
    return Report(found, right, verdict(pair.int8_model, name, int8.layers))


def _print(report: Report, picture: Path) -> None:
    data.print(f"{report.headline()}   picture: {picture}", highlight=False, soft_wrap=True)
    if report.accuracy:
        data.print(_classes(report))
    data.print(_layers(report))
    data.print(f"int8 by {report.comparison.int8_by}", highlight=False, soft_wrap=True)
    word = "" if report.verdict.compiles else "[bold red]does not compile:[/] "
    data.print(f"{word}{report.verdict.text}", highlight=False, soft_wrap=True)


def _classes(report: Report) -> Table:
    table = _table(("class", "samples", "float %", "int8 %", "change"), left=("class",))
    assert report.accuracy is not None
    for c in report.accuracy.classes:
        change = f"{100 * (c.int8_share - c.float_share):+.1f}"
        table.add_row(c.name, str(c.samples), percent(c.float_share), percent(c.int8_share), change)
    return table


def _layers(report: Report) -> Table:
    table = _table(("#", "operator", "shape", "SQNR dB", "error, % of range"), left=("operator", "shape"))
    for e in report.comparison.layers:
        sqnr = "" if e.sqnr_db is None else f"{e.sqnr_db:.1f}"
        rms = "" if e.rms_percent is None else f"{e.rms_percent:.2f}"
        table.add_row(str(e.layer.index), e.layer.operator, shape_text(e.layer.shape), sqnr, rms)
    return table


def _table(columns: tuple[str, ...], left: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right")
    return table
