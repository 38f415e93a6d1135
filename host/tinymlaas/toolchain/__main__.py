"""Command line of the toolchain: results on stdout, progress on stderr. The Makefile is thin over it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from tinymlaas.errors import TinymlError, ToolchainError
from tinymlaas.target import board_by_name, load_boards
from tinymlaas.toolchain import (
    codeformat,
    coverage,
    extras,
    fetch,
    firmware,
    fuzz,
    hostlib,
    natmod,
    packages,
    paths,
    process,
    sizes,
    sources,
)

PARALLEL_BUILDS = 2
# Boards whose complete firmware the tests run; of the others they only use the stock build.
COMPLETE = ("RPI_PICO", "UNIX", "QEMU_M3", "QEMU_M4", "QEMU_M7", "QEMU_M33", "QEMU_M55", "QEMU_RV32")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except TinymlError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tinymlaas.toolchain", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "deps", _deps, "install compilers, emulators, Node.js and its packages; fetch the sources")
    _add(commands, "fetch", _fetch, "download and unpack the pinned sources")
    build = _add(commands, "firmware", _firmware, "build a board's firmware")
    build.add_argument("board")
    build.add_argument("--stock", action="store_true", help="without _tinyml and tinyml")
    build = _add(commands, "natmod", _natmod, "build _tinyml.mpy and the modules beside it")
    build.add_argument("arch", choices=tuple(natmod.ARCHES))
    build.add_argument("--ops", help="operators to include, comma-separated (default: all)")
    build = _add(commands, "hostlib", _hostlib, "build the core as a shared library")
    build.add_argument("--target", default="x64")
    build.add_argument("--sanitize", action="store_true", help="with ASan and UBSan")
    _add(commands, "all", _all, "build all that the tests need, two at a time")
    style = _add(commands, "format", _format, "bring C into MicroPython's style")
    style.add_argument("--check", action="store_true", help="change nothing, fail when something would change")
    fuzzing = _add(commands, "fuzz", _fuzz, "fuzz loader, kernels and importer")
    fuzzing.add_argument("--seconds", type=int, default=60, help="for each of the fuzzers (default: 60)")
    _add(commands, "coverage", _coverage, "which branches of loader, checks and fixed-point helpers the tests reach")
    environment = _add(
        commands, "extras", _extras, "install what quantising needs, each extra into an environment of its own"
    )
    environment.add_argument("names", nargs="*", metavar="EXTRA", help=f"of: {', '.join(extras.EXTRAS)} (default: all)")
    _add(commands, "clean", _clean, "remove all outputs; downloads stay")
    _add(commands, "size", _size, "table of the sizes of everything built")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], None],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _deps(options: argparse.Namespace) -> None:
    packages.install_missing()
    packages.install_emulator()
    sources.micropython()


def _fetch(options: argparse.Namespace) -> None:
    for path in fetch.fetch().values():
        print(path)
    print(sources.micropython().root)


def _firmware(options: argparse.Namespace) -> None:
    print(firmware.build_firmware(board_by_name(options.board), stock=options.stock).image)


def _natmod(options: argparse.Namespace) -> None:
    operators = [name.strip().upper() for name in options.ops.split(",")] if options.ops else None
    print(natmod.build_natmod(options.arch, operators).path)
    for module in natmod.PARTS:
        print(natmod.build_part(options.arch, module).path)


def _hostlib(options: argparse.Namespace) -> None:
    print(hostlib.build_hostlib(options.target, sanitize=options.sanitize))


def _all(options: argparse.Namespace) -> None:
    begin = time.monotonic()
    sources.micropython()
    tasks: list[Callable[[], object]] = [hostlib.build_hostlib, lambda: hostlib.build_hostlib(sanitize=True)]
    for board in load_boards().values():
        if board.has_firmware:
            tasks += [_firmware_task(board.name, stock) for stock in (True, False) if stock or board.name in COMPLETE]
    tasks += [_natmod_task(arch) for arch in natmod.ARCHES]
    tasks += [hostlib.build_verifier, lambda: hostlib.build_verifier(sanitize=True)]
    tasks += [hostlib.build_audio, hostlib.build_image]
    # The builds share the cores, they do not each take all of them.
    os.environ.setdefault("TINYML_JOBS", str(max(1, (os.cpu_count() or 1) // PARALLEL_BUILDS)))
    with ThreadPoolExecutor(PARALLEL_BUILDS) as pool:
        try:
            for future in [pool.submit(task) for task in tasks]:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)  # one failure is enough to read
            raise
    process.say(f"{len(tasks)} builds are up to date after {time.monotonic() - begin:.0f} s")


def _firmware_task(board: str, stock: bool) -> Callable[[], object]:
    return lambda: firmware.build_firmware(board_by_name(board), stock=stock)


def _natmod_task(arch: str) -> Callable[[], object]:
    return lambda: (natmod.build_natmod(arch), *(natmod.build_part(arch, module) for module in natmod.PARTS))


def _format(options: argparse.Namespace) -> None:
    changed = codeformat.format_c(codeformat.c_files(), check=options.check)
    for path in changed:
        print(paths.shown(path))
    if changed and options.check:
        raise ToolchainError(f"{len(changed)} C files are not in style; run: make format")


def _fuzz(options: argparse.Namespace) -> None:
    reports = fuzz.fuzz(options.seconds)
    Console().print(fuzz.table(reports))
    if wrong := [r.words for r in reports if r.words]:
        raise ToolchainError("\n\n".join(wrong))


def _coverage(options: argparse.Namespace) -> None:
    files = coverage.measure()
    Console().print(coverage.table(files))
    if missing := sum(len(f.missing) for f in files):
        raise ToolchainError(f"{missing} lines have branches that no test reaches")


def _extras(options: argparse.Namespace) -> None:
    unknown = sorted(set(options.names) - set(extras.EXTRAS))
    if unknown:
        raise ToolchainError(f"unknown extras: {', '.join(unknown)}; known are: {', '.join(extras.EXTRAS)}")
    for name in options.names or extras.EXTRAS:
        print(extras.python_of(name))


def _clean(options: argparse.Namespace) -> None:
    shutil.rmtree(paths.build_dir(), ignore_errors=True)


def _size(options: argparse.Namespace) -> None:
    Console().print(sizes.report())


if __name__ == "__main__":
    sys.exit(main())
