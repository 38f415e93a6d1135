"""``make demo``: the repository's own model, from .tflite to predictions at the REPL of a Raspberry Pi Pico.

Without a port the Pico is emulated: real RP2040 MicroPython, reached by mpremote over a PTY like any board.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator

import numpy as np
from rich.table import Table

from .cli.console import data, fail, progress, write_file
from .compile import Compiled, compile_model
from .device.deploy import DeployResult, deploy
from .device.install import install, kernel_target_of
from .device.pico import CYCLE_COUNTER_ADDRESS, EmulatedPico
from .device.transport import SerialDevice
from .errors import TinymlError
from .graph import Array
from .report import summary
from .run import Result, run_module
from .run.result import check_inputs
from .run.serial import run_deployed
from .target import board_by_name
from .toolchain.firmware import build_firmware
from .toolchain.paths import REPO, build_dir
from .unpack import Module, unpack

EXAMPLE = REPO / "device" / "examples" / "digits"


def main() -> None:
    """Runs the demonstration; exit code 1 when an output byte differs from the host's."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--port", default="", help="serial port of a real board; default: an emulated Raspberry Pi Pico"
    )
    try:
        sys.exit(demo(parser.parse_args().port))
    except TinymlError as error:
        fail(error)


def demo(port: str) -> int:
    """Converts, deploys, runs and compares; returns the exit code."""
    inputs, labels = _digits()
    with _board(port) as (path, name, counter):
        module, place, result = _run(path, name, counter, inputs)
    host = run_module(_compile("any").module, "digits.tml", "host", inputs)
    _print_predictions(result.outputs[0], host.outputs[0], labels, module)
    return _print_figures(place, result, host, labels)


def _say(step: str, text: str) -> None:
    data.print(f"[bold cyan]{step:9}[/] {text}", highlight=False, soft_wrap=True)


def _compile(target: str) -> Compiled:
    labels = (EXAMPLE / "labels.txt").read_text().split()
    return compile_model((EXAMPLE / "digits.tflite").read_bytes(), "digits", target, {"labels": labels})


def _convert(target: str) -> Module:
    compiled = _compile(target)
    output = build_dir() / "demo" / "digits.tml"
    output.parent.mkdir(parents=True, exist_ok=True)
    write_file(output, compiled.module)
    module = unpack(compiled.module)
    facts = summary(module)
    operators = ", ".join(f"{count} {name}" for name, count in facts["operators"].items())
    size = f"{len(compiled.module)} B, {facts['macs']} MACs"
    _say("convert", f"digits.tflite → {output.name} for {target}: {size}: {operators}")
    return module


def _digits() -> tuple[Array, Array]:
    with np.load(EXAMPLE / "test_digits.npz") as stored:
        return stored["inputs"], stored["labels"]


@contextlib.contextmanager
def _board(port: str) -> Iterator[tuple[str, str, int | None]]:
    """(serial port, name to show, address of the cycle counter or None)."""
    if port:
        yield port, port, None
        return
    firmware = build_firmware(board_by_name("pico"))
    with EmulatedPico(firmware.image) as pico:
        _say(
            "boot",
            f"emulated Raspberry Pi Pico, MicroPython {firmware.micropython}, runtime {firmware.runtime_flash_bytes} B",
        )
        with pico.pty() as path:
            yield path, "pico", CYCLE_COUNTER_ADDRESS


def _run(port: str, name: str, counter: int | None, inputs: Array) -> tuple[Module, DeployResult, Result]:
    with SerialDevice(port) as device:
        with progress("installing tinyml") as update:
            install(device, update)
        module = _convert(kernel_target_of(device))
        with progress(f"uploading digits.tml to {name}") as update:
            place = deploy(device, "digits.tml", module.data, update)
        _say("deploy", f"mpremote → {place.path} ({place.reason})")
        rows = check_inputs(module, inputs, "test_digits.npz")
        with progress(f"inference on {name}") as update:
            result = run_deployed(
                device, name, place.path, module, rows, counter=counter, reset_each=False, progress=update
            )
    return module, place, result


def _print_predictions(board: Array, host: Array, labels: Array, module: Module) -> None:
    names = module.metadata["labels"]
    scale, zero_point = module.outputs[0].scale, module.outputs[0].zero_point
    table = Table(box=None, pad_edge=False)
    for title in ("digit", "true", "predicted", "p", "", "bytes = host"):
        table.add_column(title, justify="right")
    for i, (row, expected, label) in enumerate(zip(board, host, labels, strict=True)):
        best = int(np.argmax(row))
        p = scale * (int(row.reshape(-1)[best]) - zero_point)
        mark = "[green]✓[/]" if best == label else "[red]✗[/]"
        equal = "yes" if np.array_equal(row, expected) else "[bold red]NO[/]"
        table.add_row(str(i), names[label], names[best], f"{p:.2f}", mark, equal)
    data.print(table)


def _print_figures(place: DeployResult, result: Result, host: Result, labels: Array) -> int:
    predicted = result.outputs[0].reshape(len(labels), -1).argmax(axis=1)
    right, exact = int((predicted == labels).sum()), np.array_equal(result.outputs[0], host.outputs[0])
    counts = sorted(result.counts)
    _say("accuracy", f"{right} of {len(labels)} held-out digits recognised")
    _say(
        "exact", "every output byte equals the host's" if exact else "[bold red]output bytes differ from the host's[/]"
    )
    time = f" ({counts[len(counts) // 2] / 125e3:.2f} ms at 125 MHz)" if result.count_unit == "cycles" else ""
    _say("time", f"{counts[len(counts) // 2]} {result.count_unit} per inference{time}")
    _say(
        "memory",
        f"arena {result.arena_bytes} B; weights used in place from flash: {'yes' if result.weights_in_place else 'no'}",
    )
    return 0 if exact else 1


if __name__ == "__main__":
    main()
