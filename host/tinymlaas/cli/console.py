"""Where commands print: data on stdout, talk and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..errors import TinymlError

talk = Console(stderr=True)
data = Console() if Console().is_terminal else Console(width=200)  # a pipe has no edge to cut tables at


def fail(error: TinymlError) -> NoReturn:
    """Prints an error and exits with its code."""
    talk.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
    sys.exit(error.exit_code)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, gone when done; yields ``update(done, total)``."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def read_file(path: Path) -> bytes:
    """The bytes of a user's file, or an error that names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise TinymlError(f"{path}: {error.strerror or error}") from error


def write_file(path: Path, content: bytes) -> None:
    """Writes beside the target and renames, so that an old file stays whole until the new one is."""
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise TinymlError(f"{path}: {error.strerror or error}") from error
