"""The command line: thin commands; only ``main`` prints errors and exits.

Data goes to stdout (``--json`` everywhere), talk to stderr. Exit codes: 0 ok, 1 error, 2 usage, 3 does not fit.
"""

from __future__ import annotations

import sys

from ..errors import TinymlError
from .app import app
from .console import talk


def main() -> None:
    """Entry point of ``tinymlaas`` and ``tml``."""
    try:
        app(prog_name="tinymlaas")
    except TinymlError as error:
        talk.print(f"[bold red]error:[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
