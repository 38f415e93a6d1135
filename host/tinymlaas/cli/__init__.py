"""The command line: thin commands; only ``main`` prints errors and exits.

Data goes to stdout (``--json`` everywhere), talk to stderr. Exit codes: 0 ok, 1 error, 2 usage, 3 does not fit.
"""

from __future__ import annotations

import sys

from ..errors import TinymlError
from .app import app
from .console import fail


def main() -> None:
    """Entry point of ``tinymlaas`` and ``tml``."""
    try:
        app(prog_name="tinymlaas")
    except TinymlError as error:
        fail(error)
    except BrokenPipeError:
        sys.exit(1)
